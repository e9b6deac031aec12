// Slack's mrkdwn, read into the elements of a rich_text block: one kind of tree to draw, whichever way a text came.

import { safeURL } from './links.js'

const entities = { '&lt;': '<', '&gt;': '>', '&amp;': '&' }

/** Undoes Slack's escapes, once: "&amp;lt;" stands for "&lt;". */
export const unescape = (text) => text.replace(/&(?:lt|gt|amp);/g, (entity) => entities[entity])

const textOf = (text, style) => ({ type: 'text', text: unescape(text), style })
const section = (elements) => ({ type: 'rich_text_section', elements })

/** Reads a mrkdwn text: sections, quotes and preformatted parts. */
export function readMrkdwn(text) {
  const out = []
  let rest = String(text ?? '')
  for (let fence; (fence = /```\n?([^]+?)\n?```/.exec(rest)); rest = rest.slice(fence.index + fence[0].length).replace(/^\n/, '')) {
    out.push(...paragraphs(rest.slice(0, fence.index).replace(/\n$/, '')), { type: 'rich_text_preformatted', elements: [textOf(fence[1])] })
  }
  return [...out, ...paragraphs(rest)]
}

/** Reads a plain_text, in which only emoji are more than text. */
export function readPlain(text, emoji = true) {
  const plain = String(text ?? '')
  return plain ? [section(emoji ? withAtoms(plain, emojiNames) : [textOf(plain)])] : []
}

const quote = /^(?:>|&gt;) ?/
const longQuote = /^(?:>|&gt;){3}[ \n]?/

function paragraphs(text) {
  const out = []
  if (!text) return out
  const lines = text.split('\n')
  for (let i = 0; i < lines.length; ) {
    if (longQuote.test(lines[i])) {
      out.push(quoted(lines.slice(i).join('\n').replace(longQuote, '').split('\n')))
      break
    }
    const isQuote = quote.test(lines[i])
    const from = i
    while (i < lines.length && quote.test(lines[i]) === isQuote && !(i > from && longQuote.test(lines[i]))) i++
    const part = lines.slice(from, i)
    out.push(isQuote ? quoted(part.map((line) => line.replace(quote, ''))) : section(inLines(part)))
  }
  return out
}

const quoted = (lines) => ({ type: 'rich_text_quote', elements: inLines(lines) })

/** Emphasis ends with its line at the latest. */
const inLines = (lines) => lines.flatMap((line, i) => [...(i ? [textOf('\n')] : []), ...withAtoms(line, atoms)])

const emojiNames = /(?<![\p{L}\p{N}]):(?<emoji>[a-z0-9_+'-]*[a-z+_-][a-z0-9_+'-]*)(?:::skin-tone-(?<tone>[2-6]))?:(?![\p{L}\p{N}])/gu
const atoms = new RegExp(
  '<(?<reference>[^<>\\n]+)>' + '|`(?<code>[^`\\n]+)`' + '|(?<address>https?://(?:(?!&[lg]t;)[^\\s<>|`])*(?!&[lg]t;)[^\\s<>|`.,;:!?)\'"*_~])' + '|' + emojiNames.source,
  'gu',
)

// Stands in a line for what is no text: a mention, a link, an emoji, code.
const mark = '\ue000'

function withAtoms(line, pattern) {
  const found = []
  const text = line.replaceAll(mark, '').replace(pattern, (...match) => {
    found.push(atom(match.at(-1), match[0]))
    return mark
  })
  return emphasised(text, {}, found, pattern === emojiNames)
}

function atom({ reference, code, address, emoji, tone }, whole) {
  if (emoji) return { type: 'emoji', name: emoji, ...(tone && { skin_tone: Number(tone) }) }
  if (code) return textOf(code, { code: true })
  if (address) return { type: 'link', url: unescape(address), text: unescape(address) }
  return referred(reference) ?? textOf(whole)
}

/** What stands between < and >; undefined where that is no markup. */
function referred(inside) {
  const bar = inside.indexOf('|')
  const target = bar < 0 ? inside : inside.slice(0, bar)
  const label = bar < 0 ? undefined : unescape(inside.slice(bar + 1))
  const [kind, ...rest] = target.split('^')
  switch (true) {
    case /^@[UWB][A-Z0-9]*$/.test(target):
      return { type: 'user', user_id: target.slice(1), label }
    case /^#[CGD][A-Z0-9]*$/.test(target):
      return { type: 'channel', channel_id: target.slice(1), label }
    case kind === '!subteam':
      return { type: 'usergroup', usergroup_id: rest[0] ?? '', label }
    case ['!here', '!channel', '!everyone'].includes(target):
      return { type: 'broadcast', range: target.slice(1) }
    case kind === '!date':
      return { type: 'date', timestamp: rest[0], format: unescape(rest[1] ?? ''), url: rest[2], fallback: label }
    case target.startsWith('!'):
      return { type: 'text', text: label ?? target.slice(1) }
  }
  const url = unescape(target)
  return safeURL(url) ? { type: 'link', url, text: label || url.replace(/^mailto:/, '') } : undefined
}

const emphasis = { '*': 'bold', _: 'italic', '~': 'strike' }
const isWord = (char) => char !== undefined && /[\p{L}\p{N}]/u.test(char)
const isSpace = (char) => char === undefined || /\s/.test(char)

/** Splits a line by its marks of emphasis. found are the atoms that its marks stand for, taken from the front. */
function emphasised(line, style, found, literal) {
  const out = []
  const unclosed = {}
  let text = ''
  const flush = () => {
    if (text) out.push(textOf(text, style))
    text = ''
  }
  for (let i = 0; i < line.length; i++) {
    const char = line[i]
    const end = literal || style[emphasis[char]] || unclosed[char] ? -1 : closing(line, i, unclosed)
    if (char === mark) {
      flush()
      const next = found.shift()
      out.push({ ...next, style: { ...style, ...next.style } })
    } else if (end > 0) {
      flush()
      out.push(...emphasised(line.slice(i + 1, end), { ...style, [emphasis[char]]: true }, found))
      i = end
    } else {
      text += char
    }
  }
  flush()
  return out
}

/** Where the emphasis that opens at i is closed; -1 if none opens there, or if it stays open. */
function closing(line, i, unclosed) {
  const char = line[i]
  if (!emphasis[char] || isWord(line[i - 1]) || isSpace(line[i + 1]) || line[i + 1] === char) return -1
  for (let j = line.indexOf(char, i + 2); j > 0; j = line.indexOf(char, j + 1)) {
    if (!isSpace(line[j - 1]) && !isWord(line[j + 1])) return j
  }
  unclosed[char] = true
  return -1
}
