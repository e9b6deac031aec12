import { useEffect, useRef } from 'react'
import { Avatar } from './Avatar.jsx'
import { Icon } from './Icon.jsx'
import { post } from './api.js'
import { Blocks, Mrkdwn, plain } from './blocks/index.jsx'
import { dateOf } from './state.js'
import { ago, fullTime, timeOfDay } from './time.js'

/** A message, with what hangs on it: whose it is, what it replies to, and its replies. */
export function Message({ item, ctx, now, me, grouped, root, replies, open, onThread, inThread }) {
  const user = ctx.users[item.user]
  const element = useHighlight(item.changes)
  const onPress = (on) => post('/api/press', { user: me, channel: item.channel, ts: item.ts, ...on })
  const broadcast = Boolean(item.thread_ts) && item.broadcast && !inThread
  const edited = item.edited && !item.ephemeral && (
    <span className="edited" title={`Last changed ${fullTime(new Date(item.edited))}`}>
      (edited)
    </span>
  )
  return (
    <li ref={element} className={classes(item, grouped, open)} data-ts={item.ts} data-message={item.ephemeral ? 'ephemeral' : 'shown'} tabIndex={-1}>
      {item.ephemeral && (
        <p className="only-you">
          <Icon name="eye" size={14} /> Only visible to you
        </p>
      )}
      {broadcast && (
        <p className="replied">
          <Icon name="reply" size={14} />
          <span className="replied-words">replied to a thread: </span>
          <button className="link" onClick={onThread}>
            {root ? plain(root.text, ctx) : 'an earlier message'}
          </button>
        </p>
      )}
      {grouped ? <Time at={dateOf(item.ts)} className="margin-time" /> : <Avatar user={user} />}
      <div className="body">
        {!grouped && (
          <div className="by">
            <span className="author">{user?.name ?? 'Somebody'}</span>
            {user?.bot && <span className="app-badge">App</span>}
            <Time at={dateOf(item.ts)} />
            {edited}
          </div>
        )}
        <div className="content">
          {item.blocks?.length ? <Blocks blocks={item.blocks} fallback={item.text} context={ctx} onPress={onPress} /> : <Mrkdwn text={item.text} context={ctx} />}
        </div>
        {grouped && edited}
        {replies && <Replies {...{ replies, ctx, now, onThread, open }} />}
        {broadcast && (
          <button className="link small" onClick={onThread}>
            View thread
          </button>
        )}
      </div>
      {!item.ephemeral && !inThread && (
        <div className="tools">
          <button className="quiet" aria-label={replies ? 'Open thread' : 'Reply in thread'} title={replies ? 'Open thread' : 'Reply in thread'} onClick={onThread}>
            <Icon name="thread" size={16} />
          </button>
        </div>
      )}
    </li>
  )
}

function classes(item, grouped, open) {
  return ['message', grouped && 'grouped', item.ephemeral && 'ephemeral', open && 'open'].filter(Boolean).join(' ')
}

/** What stands under a message that has a thread. */
function Replies({ replies, ctx, now, onThread, open }) {
  return (
    <button className="replies" onClick={onThread} aria-expanded={open}>
      <span className="faces">
        {replies.users.slice(0, 3).map((id) => (
          <Avatar key={id} user={ctx.users[id]} size="tiny" />
        ))}
      </span>
      <span className="count">{replies.count === 1 ? '1 reply' : `${replies.count} replies`}</span>
      {replies.fresh > 0 && <span className="fresh">{replies.fresh} new</span>}
      <span className="last">last reply {ago(dateOf(replies.last), now)}</span>
    </button>
  )
}

/** What a person typed, as they alone see it. */
export function Typed({ item }) {
  return (
    <li className="typed">
      <Icon name="eye" size={14} />
      <span>
        You typed <code>{item.text}</code>
      </span>
      <Time at={dateOf(item.ts)} />
      <span className="typed-note">Nobody else sees it</span>
    </li>
  )
}

/** What Slack itself tells one person. */
export function SlackSays({ item }) {
  return (
    <li className="message ephemeral slackbot">
      <p className="only-you">
        <Icon name="eye" size={14} /> Only visible to you
      </p>
      <span className="avatar slack" aria-hidden="true">
        <Icon name="warning" size={18} />
      </span>
      <div className="body">
        <div className="by">
          <span className="author">Slackbot</span>
          {item.ts > '1' && <Time at={dateOf(item.ts)} />}
        </div>
        <div className="content">
          {item.text.replace(/[^.!?]$/, '$&.')}
          {item.reason && <> {item.reason}</>}
        </div>
      </div>
    </li>
  )
}

function Time({ at, className = 'time' }) {
  return (
    <time className={className} dateTime={at.toISOString()} title={fullTime(at)}>
      {timeOfDay(at)}
    </time>
  )
}

/** Lets a message that changed in front of the viewer light up for a moment. */
function useHighlight(changes) {
  const element = useRef(null)
  const last = useRef(changes)
  useEffect(() => {
    if (changes === last.current) return
    last.current = changes
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) return
    const tint = getComputedStyle(element.current).getPropertyValue('--changed')
    element.current.animate([{ backgroundColor: tint }, { backgroundColor: 'transparent' }], { duration: 1400, easing: 'ease-out' })
  }, [changes])
  return element
}

