import { useEffect, useRef, useState } from 'react'
import { Icon } from './Icon.jsx'
import { Message, SlackSays, Typed } from './Message.jsx'
import { useStickToEnd, useVisible } from './hooks.js'
import { belongs, dateOf, find, summary, timeline, unreadSince } from './state.js'
import { dayKey, dayName } from './time.js'

/** A channel's messages, oldest first, a line between days and before what is new. */
export function Messages({ state, channel, ctx, now, openThread, thread, message, go }) {
  const items = timeline(state, channel.id)
  const { box, inner, atEnd, toEnd } = useStickToEnd(channel.id)
  const since = useNewSince(state, channel.id, items)
  const me = state.workspace.user
  const below = useBelow(items, atEnd, me)
  useOwnInSight(items, me, toEnd)
  useTarget(inner, message ?? thread, Boolean(message) && !thread, items.length)
  const name = channel.dm ? channel.name || state.workspace.app.name : '#' + channel.name
  return (
    <div className="scroll-frame">
      <div className="scroll" ref={box} data-region tabIndex={0} role="region" aria-label={`Messages in ${name}`}>
        <ol className="messages" ref={inner}>
          <Beginning channel={channel} app={state.workspace.app} />
          {rows(items, since, me, now).map((row) => (
            <Row key={row.key} {...{ row, state, channel, ctx, now, openThread, thread, go }} />
          ))}
        </ol>
      </div>
      {!atEnd && (
        <button className="to-end" onClick={toEnd}>
          <Icon name="down" size={16} /> {below ? 'New messages' : 'Latest messages'}
        </button>
      )}
    </div>
  )
}

/** The ts behind which a channel is new: what came while nobody looked. What comes in front of the viewer is not; "0" where there is nothing new. */
function useNewSince(state, channel, items) {
  const visible = useVisible()
  const me = state.workspace.user
  const seen = unreadSince(state, channel)
  const [since, setSince] = useState(() => (items.some((item) => isNew(item, seen, me)) ? seen : '0'))
  useEffect(() => {
    if (!visible) setSince(seen)
    else setSince((since) => (items.some((item) => isNew(item, since, me)) ? since : '0'))
    // Looked at when the viewer comes and goes, not whenever something is said.
  }, [visible])
  return since
}

/** Whether something came that is further down than what the viewer looks at. */
function useBelow(items, atEnd, me) {
  const last = items.at(-1)?.ts ?? '0'
  const [seen, setSeen] = useState(last)
  useEffect(() => {
    if (atEnd) setSeen(last)
  }, [atEnd, last])
  return !atEnd && items.some((item) => item.kind === 'message' && item.ts > seen && item.user !== me)
}

/** Whoever sends something is at the end of the list, where that and the answer to it stand. */
export function useOwnInSight(items, me, toEnd) {
  const last = items.at(-1)
  const own = last?.user === me ? last.id : undefined
  useEffect(() => {
    if (own) toEnd()
  }, [own, toEnd])
}

const isNew = (item, since, me) => item.kind === 'message' && item.ts > since && item.user !== me && !item.ephemeral

/** What stands before a channel's first message. */
function Beginning({ channel, app }) {
  return (
    <li className="beginning">
      <h2>{channel.dm ? app.name : '#' + channel.name}</h2>
      <p>{channel.dm ? `What ${app.name} tells you alone stands here.` : channel.topic ? `${channel.topic.replace(/[.…]?$/, '.')} The channel begins here.` : 'The channel begins here.'}</p>
    </li>
  )
}

function Row({ row, state, channel, ctx, now, openThread, thread, go }) {
  switch (row.kind) {
    case 'day':
      return (
        <li className="day">
          <span>{row.name}</span>
        </li>
      )
    case 'new':
      return (
        <li className="new">
          <span>New</span>
        </li>
      )
    case 'command':
      return <Typed item={row.item} now={now} />
    case 'command_failed':
    case 'notice':
      return <SlackSays item={row.item} now={now} />
  }
  return (
    <Message
      {...{ ctx, now }}
      item={row.item}
      me={state.workspace.user}
      grouped={row.grouped}
      root={row.item.thread_ts ? find(state, channel.id, row.item.thread_ts) : null}
      replies={row.item.thread_ts ? null : summary(state, channel.id, row.item.id)}
      open={thread === row.item.id}
      onThread={() => openThread(row.item.thread_ts || row.item.id)}
    />
  )
}

function rows(items, since, me, now) {
  const out = []
  let before = null
  let marked = since === '0'
  for (const item of items) {
    const at = dateOf(item.ts)
    const newDay = !before || dayKey(dateOf(before.ts)) !== dayKey(at)
    if (newDay && item.ts > '1') out.push({ kind: 'day', key: 'day' + dayKey(at), name: dayName(at, now) })
    const fresh = !marked && isNew(item, since, me)
    if (fresh) {
      marked = true
      out.push({ kind: 'new', key: 'new' })
    }
    out.push({ kind: item.kind, key: item.id, item, grouped: !newDay && !fresh && belongs(before, item) })
    before = item
  }
  return out
}

/** Brings the message that the address names in front of the viewer, once it is there; one that is meant for itself, and not for its thread, gets the focus. */
function useTarget(inner, ts, focus, count) {
  const shown = useRef(null)
  useEffect(() => {
    if (!ts || shown.current === ts) return
    const element = inner.current.querySelector(`[data-ts="${CSS.escape(ts)}"]`)
    if (!element) return
    shown.current = ts
    element.scrollIntoView({ block: focus ? 'center' : 'nearest' })
    if (focus) element.focus({ preventScroll: true })
  }, [inner, ts, focus, count])
}
