// Which addresses may be followed.

/** A link to anything but these is shown as it was written. */
const schemes = ['http:', 'https:', 'mailto:']

/** An address that may be followed, as the browser reads it; null for any other. */
export function safeURL(address) {
  try {
    const url = new URL(String(address))
    return schemes.includes(url.protocol) ? url.href : null
  } catch {
    return null
  }
}

/** Whether an address is a message of a Slack workspace. */
export const isPermalink = (address) => /^https:\/\/[a-z0-9.-]+\.slack\.com\/archives\/[A-Z0-9]+\/p\d+(\?[^#]*)?$/i.test(address)

/** An image from outside is never fetched: what may be shown came with the page or in the message itself. */
export const isInline = (address) => /^data:image\/(png|jpeg|gif|webp);base64,/.test(address ?? '')
