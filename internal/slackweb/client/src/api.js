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
 * Follows the stream of server-sent events for ever: those of the workspace, and the panel's state among them. Before each connection prepare(anew) is asked for its address, which is how the stream goes on behind the
 * last event; anew is true where the server no longer knows that event. Returns what ends it.
 */
export function follow({ prepare, onEvent, onPanel, onUp, onDown }) {
  let source, timer, ended
  let failures = 0
  const again = (anew) => {
    source?.close()
    if (ended) return
    onDown()
    clearTimeout(timer)
    timer = setTimeout(connect, patience[Math.min(failures++, patience.length - 1)], anew)
  }
  const connect = async (anew) => {
    try {
      const address = await prepare(anew)
      if (ended) return
      source = new EventSource(address)
      source.onopen = () => {
        failures = 0
        onUp()
      }
      source.onmessage = (e) => onEvent(JSON.parse(e.data), e.lastEventId)
      source.addEventListener('panel', (e) => onPanel(JSON.parse(e.data)))
      // The server refused, and did not just break off.
      source.onerror = () => again(source.readyState === EventSource.CLOSED)
    } catch {
      again(anew)
    }
  }
  connect(false)
  return () => {
    ended = true
    clearTimeout(timer)
    source?.close()
  }
}
