// Speaks to the server as doc.go says. An Error's message is a sentence for the person; refused, where the server itself said no.

export async function get(path) {
  return answer(await reach(path))
}

export async function post(path, body) {
  return answer(await reach(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }))
}

async function reach(path, options) {
  try {
    return await fetch(path, options)
  } catch {
    throw new Error('Nobody answers. The workspace may have been closed.')
  }
}

async function answer(response) {
  const body = await response.json().catch(() => ({}))
  if (!response.ok) throw Object.assign(new Error(body.error || `The server refused this (${response.status}).`), { refused: true })
  return body
}

/** How long until the next try to connect, in milliseconds. */
const patience = [500, 1000, 2000, 3000]

/**
 * Follows the stream for ever: the events of the workspace, and the panel's state among them. Before each connection prepare() is asked for its path, which is how the stream goes on behind the last event. Returns what
 * ends it.
 */
export function follow({ prepare, onEvent, onPanel, onUp, onDown }) {
  let socket, timer, ended
  let failures = 0
  const again = () => {
    if (ended) return
    onDown()
    timer = setTimeout(connect, patience[Math.min(failures++, patience.length - 1)])
  }
  const connect = async () => {
    try {
      const path = await prepare()
      if (ended) return
      socket = new WebSocket(location.origin.replace('http', 'ws') + path)
    } catch {
      return again()
    }
    socket.onopen = () => {
      failures = 0
      onUp()
    }
    socket.onmessage = ({ data }) => {
      const { id, event, panel } = JSON.parse(data)
      if (event) onEvent(event, id)
      else onPanel(panel)
    }
    socket.onclose = again
  }
  connect()
  return () => {
    ended = true
    clearTimeout(timer)
    socket?.close()
  }
}
