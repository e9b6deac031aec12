import { useMemo, useState } from 'react'
import { Composer } from './Composer.jsx'
import { Messages } from './Messages.jsx'
import { FirstSteps } from './FirstSteps.jsx'
import { post } from './api.js'
import { commandOf } from './commands.js'

/** A channel: its name and topic, its messages, the message box. */
export function Channel({ channel, header, ...rest }) {
  return (
    <main className="channel">
      <header className="bar" data-region tabIndex={-1}>
        {header.start}
        <div className="bar-title">
          <h1>
            <span className="sign">#</span>
            {channel.name}
          </h1>
          {channel.topic && <p className="topic">{channel.topic}</p>}
        </div>
        {header.end}
      </header>
      <Conversation channel={channel} {...rest} />
    </main>
  )
}

/** The messages of a channel or of the app's direct message, and the box to write there. */
export function Conversation({ state, dispatch, channel, ctx, now, steps, openThread, thread, message, offer, panel, go }) {
  const { workspace } = state
  const [fill, setFill] = useState(null)
  const send = useSend(workspace.user, channel.id, dispatch)
  const name = channel.dm ? workspace.app.name : '#' + channel.name
  return (
    <>
      <Messages key={channel.id + workspace.user} {...{ state, channel, ctx, now, openThread, thread, message, go }} />
      {!channel.read_only && <FirstSteps {...{ state, channel, steps, openThread, offer, panel, go }} fill={(text) => setFill({ text })} />}
      {channel.read_only ? (
        <p className="read-only">Nobody but {workspace.app.name} can write here.</p>
      ) : (
        <Composer key={'box' + workspace.user + channel.id} id={workspace.user + channel.id} label={`Message ${name}`} commands={workspace.commands} send={send} fill={fill} recall />
      )}
    </>
  )
}

function useSend(user, channel, dispatch) {
  return useMemo(
    () => async (text) => {
      const command = commandOf(text)
      if (!command) return post('/api/message', { user, channel, text })
      try {
        await post('/api/command', { user, channel, text })
      } catch (err) {
        if (!err.refused) throw err
        dispatch({ type: 'notice', channel, text: err.message })
      }
    },
    [user, channel, dispatch],
  )
}
