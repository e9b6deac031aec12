// Where one is, in the address: #/CHANNEL, #/home, with /thread/TS for a thread beside it and /message/TS for one to look at.

export function parse(hash) {
  const [place, ...rest] = hash.replace(/^#\/?/, '').split('/').map(decoded)
  const after = (word) => (rest.includes(word) ? rest[rest.indexOf(word) + 1] : undefined)
  return { place, thread: after('thread'), message: after('message') }
}

export function format({ place, thread, message }) {
  return `#/${encodeURIComponent(place)}` + (thread ? `/thread/${thread}` : '') + (message ? `/message/${message}` : '')
}

function decoded(text) {
  try {
    return decodeURIComponent(text)
  } catch {
    return ''
  }
}

/** The channel, message and thread that a permalink of Slack names, or null. */
export function permalink(url) {
  const match = /\/archives\/([A-Z0-9]+)\/p(\d{10})(\d{6})(?:\?(.*))?$/.exec(url)
  if (!match) return null
  const [, channel, seconds, micros, query] = match
  return { channel, ts: `${seconds}.${micros}`, thread: new URLSearchParams(query).get('thread_ts') ?? undefined }
}
