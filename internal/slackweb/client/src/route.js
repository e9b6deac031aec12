// Where one is, in the address: #/CHANNEL, #/CHANNEL/thread/TS, #/CHANNEL/message/TS, #/home.

export function parse(hash) {
  const [place, kind, ts] = hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent)
  return {
    place: place || '',
    thread: kind === 'thread' ? ts : undefined,
    message: kind === 'message' ? ts : undefined,
  }
}

export function format({ place, thread, message }) {
  const rest = thread ? `/thread/${thread}` : message ? `/message/${message}` : ''
  return `#/${encodeURIComponent(place)}${rest}`
}

/** The channel, message and thread that a permalink of Slack names, or null. */
export function permalink(url) {
  const match = /\/archives\/([A-Z0-9]+)\/p(\d{10})(\d{6})(?:\?(.*))?$/.exec(url)
  if (!match) return null
  const [, channel, seconds, micros, query] = match
  return { channel, ts: `${seconds}.${micros}`, thread: new URLSearchParams(query).get('thread_ts') ?? undefined }
}
