import { createContext, useContext, useLayoutEffect, useRef } from 'react'
import { Message } from 'slack-blocks-to-jsx'
import { formatDate, inFull, moment } from './dates.js'
import { isPermalink } from './links.js'
import { readMrkdwn, readPlain, unescape } from './mrkdwn.js'
import { barWords, isBar, nameOf, referenced, tidy } from './richtext.js'

/** The workspace that names in texts refer to. */
export const Workspace = createContext({})

/** What a label says, without marks; throws where it is none. */
export const labelOf = (object) => unescape(String(object.text))

/** Draws the elements of a rich text; throws where they are none. */
export const rich = (elements, now) => <ByLibrary block={{ type: 'rich_text', elements: tidy(elements, now) }} />

/** Draws a text object: mrkdwn, or plain text with at most emoji in it. */
export function drawText(object, now) {
  if (typeof object?.text !== 'string') throw new TypeError('a text object without text')
  return rich(object.type === 'plain_text' ? readPlain(object.text, object.emoji !== false) : readMrkdwn(object.text), now)
}

/** Code of so many characters stays in one piece: that fits into any line. */
const inOneLine = 28

/**
 * A block as slack-blocks-to-jsx draws it. Its own texts are read as Markdown, with images, links to anything, and escapes undone
 * before markup is looked for; so it gets rich text only, which [tidy] has read for it.
 */
export function ByLibrary({ block }) {
  const element = useRef(null)
  useLayoutEffect(() => {
    // It gives every message the same id, and a theme of its own.
    const own = element.current.firstElementChild
    own.removeAttribute('id')
    own.removeAttribute('data-theme')
  }, [])
  useLayoutEffect(() => {
    for (const code of element.current.querySelectorAll('.slack_inline_code, .slack_code_inline')) code.classList.toggle('bk-short', code.textContent.length <= inOneLine)
  })
  return (
    <div className="bk-rich" ref={element}>
      <Message blocks={[block]} hooks={hooks} theme="light" withoutWrapper unstyled />
    </div>
  )
}

// The library keeps the hooks it first got, so they know nothing themselves: what changes reaches them by the context.
const hooks = {
  user: ({ id, style }) => <User id={id} style={style} />,
  usergroup: ({ id, style }) => <Group id={id} style={style} />,
  channel: ({ id, style }) => <Channel id={id} style={style} />,
  atHere: (style) => <Broadcast range="here" style={style} />,
  atChannel: (style) => <Broadcast range="channel" style={style} />,
  atEveryone: (style) => <Broadcast range="everyone" style={style} />,
  date: ({ timestamp, format }) => <When timestamp={timestamp} format={format} />,
  emoji: (emoji, parse) => (isBar(emoji.name) ? <Bar cells={emoji.name} /> : known(parse(emoji), emoji.name)),
  link: ({ href, children, className }) => (
    <Link href={href} className={className}>
      {children}
    </Link>
  ),
}

/** An emoji as it was written, where the library has none for its name and leaves the colons out. */
const known = (drawn, name) => (drawn.startsWith(name) ? `:${drawn}:` : drawn)

const classes = (style = {}, ...names) =>
  [...names, style.bold && 'font-semibold', style.italic && 'italic', style.strike && 'line-through'].filter(Boolean).join(' ')

function Mention({ own, style, title, children }) {
  return (
    <span className={classes(style, 'bk-mention', own && 'bk-own')} title={title}>
      @{children}
    </span>
  )
}

function User({ id: joined, style }) {
  const ctx = useContext(Workspace)
  const [id] = referenced(joined)
  return (
    <Mention own={id === ctx.me} style={style} title={ctx.users?.[id]?.title}>
      {nameOf('users', joined, ctx)}
    </Mention>
  )
}

function Group({ id: joined, style }) {
  const ctx = useContext(Workspace)
  const [id] = referenced(joined)
  return (
    <Mention own={ctx.myGroups?.includes(id)} style={style}>
      {nameOf('groups', joined, ctx)}
    </Mention>
  )
}

const Broadcast = ({ range, style }) => (
  <Mention own style={style}>
    {range}
  </Mention>
)

function Channel({ id: joined, style }) {
  const ctx = useContext(Workspace)
  const [id] = referenced(joined)
  const name = '#' + nameOf('channels', joined, ctx)
  if (!ctx.channels?.[id] || !ctx.onChannel) return <span className={classes(style, 'bk-mention')}>{name}</span>
  return (
    <button type="button" className={classes(style, 'bk-mention', 'bk-channel')} onClick={() => ctx.onChannel(id)}>
      {name}
    </button>
  )
}

/** A progress bar, of ▰ for what is done and ▱ for what is not. */
const Bar = ({ cells }) => (
  <span className="bk-bar" role="img" aria-label={barWords(cells)}>
    {[...cells].map((cell, i) => (
      <span key={i} className={cell === '▰' ? 'bk-done' : 'bk-ahead'} />
    ))}
  </span>
)

function When({ timestamp, format }) {
  const { now } = useContext(Workspace)
  const at = moment(timestamp)
  return (
    <time dateTime={at.toISOString()} title={inFull(at)}>
      {formatDate(at, format.slice(1), now, format[0] === '^')}
    </time>
  )
}

/** A link that may be followed: to a message in the workspace itself, to anything else in a new tab. */
export function Link({ href, className, children, onClick, ...rest }) {
  const { onPermalink } = useContext(Workspace)
  const here = onPermalink && isPermalink(href)
  const follow = (event) => {
    onClick?.(event)
    if (!here) return
    event.preventDefault()
    onPermalink(href)
  }
  return (
    <a href={href} className={className} onClick={follow} {...(!here && { target: '_blank', rel: 'noreferrer noopener' })} {...rest}>
      {children}
    </a>
  )
}
