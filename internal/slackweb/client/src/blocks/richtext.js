// Rich text from outside, made safe to draw: known kinds of elements with the fields that each must have, and no more.

import { formatDate, moment } from './dates.js'
import { safeURL } from './links.js'

const containers = ['rich_text_section', 'rich_text_quote', 'rich_text_preformatted']

/** The elements of a rich_text block as they may be drawn. Throws where they are none. */
export const tidy = (elements, now) => separated(elements.map((element) => container(element, now)))

/** The library counts an ordered list on from the bullets before it; something between them ends that. */
function separated(elements) {
  let styles = {}
  return elements.flatMap((element) => {
    if (element.type !== 'rich_text_list') styles = {}
    const bulletsBefore = styles[element.indent] === 'bullet'
    styles[element.indent] = element.style
    if (element.style !== 'ordered' || !bulletsBefore) return [element]
    styles = { [element.indent]: element.style }
    return [{ type: 'rich_text_section', elements: [] }, element]
  })
}

function container(element, now) {
  if (element.type === 'rich_text_list') {
    const { indent = 0, offset = 0, border = 0 } = element
    const style = element.style === 'ordered' ? 'ordered' : 'bullet'
    return { type: element.type, style, indent: within(indent, 0, 8), offset: within(offset, 0, 1e6), border, elements: tidy(element.elements, now) }
  }
  if (!containers.includes(element.type)) throw new TypeError(`rich text has no ${element.type}`)
  return { type: element.type, border: 0, elements: inline(element.elements, now) }
}

const within = (n, low, high) => Math.min(high, Math.max(low, Math.trunc(n) || 0))

function inline(elements, now) {
  const out = []
  for (const element of elements) {
    const before = out.at(-1)
    const first = !before || (before.type === 'text' && before.text.endsWith('\n'))
    const drawn = leaf(element, now, first)
    out.push(...(drawn.type === 'text' && !drawn.style.code ? withBars(drawn) : [drawn]))
  }
  return out
}

function leaf(element, now, first) {
  const style = styleOf(element.style)
  const text = (words) => ({ type: 'text', text: String(words ?? ''), style })
  switch (element.type) {
    case 'user':
      return { type: 'user', user_id: reference(element.user_id, element.label), style }
    case 'usergroup':
      return { type: 'usergroup', usergroup_id: reference(element.usergroup_id, element.label), style }
    case 'channel':
      return { type: 'channel', channel_id: reference(element.channel_id, element.label), style }
    case 'broadcast':
      return { type: 'broadcast', range: String(element.range), style }
    case 'emoji':
      return emoji(element) ?? text(`:${element.name}:`)
    case 'link':
      return link(element.url, element.text || element.url, style) ?? text(element.text || element.url)
    case 'date':
      return date(element, now, first, style) ?? text(element.fallback)
    case 'color':
      return text(element.value)
  }
  return text(element.text)
}

/** Splits off the progress bars in a text, which travel as emoji: fonts draw them small, or not at all. */
const withBars = (text) =>
  text.text
    .split(/([▰▱]{3,})/)
    .filter(Boolean)
    .map((part) => (isBar(part) ? { type: 'emoji', name: part } : { ...text, text: part }))

/** Whether an emoji's name is a progress bar. */
export const isBar = (name) => /^[▰▱]{3,}$/.test(name)

/** A progress bar in words. */
export const barWords = (bar) => `${bar.replaceAll('▱', '').length} of ${bar.length}`

function link(url, words, style) {
  const address = safeURL(url)
  return address && { type: 'link', url: address, text: String(words), style }
}

function date({ timestamp, format, url }, now, first, style) {
  const at = moment(timestamp)
  if (!at || !format) return undefined
  // The library's dates know no link.
  const linked = url && link(url, formatDate(at, format, now, first), style)
  return linked || { type: 'date', timestamp: String(timestamp), format: (first ? '^' : '-') + format, style }
}

// Whom a text names reaches the library's hooks by id alone; the name that the text gives goes along behind a bar.
const reference = (id, label) => (label ? `${id}|${label}` : String(id ?? ''))

/** The id and the label that [reference] joined. */
export function referenced(joined) {
  const bar = joined.indexOf('|')
  return bar < 0 ? [joined, ''] : [joined.slice(0, bar), joined.slice(bar + 1)]
}

function styleOf(style = {}) {
  const { bold, italic, strike, underline, code } = style ?? {}
  return { bold: !!bold, italic: !!italic, strike: !!strike, underline: !!underline, code: !!code }
}

/** undefined for a name that the library would look up among what every object has. */
function emoji({ name, skin_tone: tone, unicode }) {
  if (name in {}) return undefined
  return { type: 'emoji', name: String(name), skin_tone: within(tone, 0, 6) || undefined, unicode: codePoints(unicode) }
}

const codePoints = (unicode) => (/^(10|[0-9a-f])?[0-9a-f]{1,4}(-(10|[0-9a-f])?[0-9a-f]{1,4})*$/i.test(unicode ?? '') ? unicode : undefined)

/** The words of tidied elements, as they would be read aloud. */
export function words(elements, ctx) {
  return elements.map((element) => (element.elements ? words(element.elements, ctx) : wordsOf(element, ctx))).join(elements[0]?.type.startsWith('rich_text_') ? '\n' : '')
}

function wordsOf(element, ctx) {
  switch (element.type) {
    case 'user':
      return '@' + nameOf('users', element.user_id, ctx)
    case 'usergroup':
      return '@' + nameOf('groups', element.usergroup_id, ctx)
    case 'channel':
      return '#' + nameOf('channels', element.channel_id, ctx)
    case 'broadcast':
      return '@' + element.range
    case 'emoji':
      return isBar(element.name) ? barWords(element.name) : `:${element.name}:`
    case 'date':
      return formatDate(moment(element.timestamp), element.format.slice(1), ctx.now, element.format[0] === '^')
  }
  return element.text
}

/** What somebody or something is called here; else what the text itself calls it; else its id. */
export function nameOf(kind, joined, ctx) {
  const [id, label] = referenced(joined)
  const known = Object.hasOwn(ctx[kind] ?? {}, id) ? ctx[kind][id] : undefined
  return known?.name ?? known?.handle ?? (label.replace(/^[@#]/, '') || id)
}
