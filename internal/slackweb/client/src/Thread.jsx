import { useEffect } from 'react'
import { Composer } from './Composer.jsx'
import { Icon } from './Icon.jsx'
import { Message, SlackSays } from './Message.jsx'
import { useOwnInSight } from './Messages.jsx'
import { post } from './api.js'
import { commandOf } from './commands.js'
import { useReturnFocus, useStickToEnd } from './hooks.js'
import { belongs, find, replies } from './state.js'

/** A thread beside its channel, or in its place: the message it began with, and its replies. */
export function Thread({ state, dispatch, channel, thread, ctx, now, close, steps, single }) {
  const root = find(state, channel.id, thread)
  const all = replies(state, channel.id, thread)
  const shown = all.filter((item) => item.kind === 'message' && !item.ephemeral).length
  const { box, inner, toEnd } = useStickToEnd(thread)
  const me = state.workspace.user
  useOwnInSight(all, me, toEnd)
  useReturnFocus(true)
  useEffect(() => steps.done('thread'), [steps.done])
  useEffect(() => {
    if (single) box.current.focus()
  }, [single, box])
  const send = async (text) => {
    const command = commandOf(text)
    if (!command) return post('/api/message', { user: me, channel: channel.id, text, thread_ts: thread })
    dispatch({ type: 'notice', channel: channel.id, thread, text: `${command} is not supported in threads. Type it in the channel itself.` })
  }
  const [Region, Title] = single ? ['main', 'h1'] : ['aside', 'h2']
  return (
    <Region className="thread" aria-label="Thread">
      <header className="bar">
        <div className="bar-title">
          <Title>Thread</Title>
          <p className="topic">{channel.dm ? state.workspace.app.name : '#' + channel.name}</p>
        </div>
        <button className="quiet" aria-label="Close the thread" onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      <div className="scroll" ref={box} data-region tabIndex={0} role="region" aria-label="Messages in the thread">
        {single && <h2 className="unseen">Messages</h2>}
        <ol className="messages" ref={inner}>
          {root ? <Message item={root} {...{ ctx, now, me }} inThread /> : <li className="empty">The message it began with is gone.</li>}
          <li className="day left">
            <span>{shown === 0 ? 'No replies yet' : shown === 1 ? '1 reply' : `${shown} replies`}</span>
          </li>
          {all.map((item, i) =>
            item.kind === 'message' ? <Message key={item.id} {...{ item, ctx, now, me }} grouped={belongs(all[i - 1], item)} inThread /> : <SlackSays key={item.id} item={item} />,
          )}
        </ol>
      </div>
      <Composer id={me + channel.id + thread} label="Reply in the thread" commands={[]} send={send} focus={!single} />
    </Region>
  )
}
