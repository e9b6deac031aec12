import { useCallback, useEffect, useRef, useState } from 'react'
import { Avatar } from './Avatar.jsx'
import { Conversation } from './Channel.jsx'
import { FirstSteps } from './FirstSteps.jsx'
import { post } from './api.js'
import { Blocks } from './blocks/index.jsx'
import { topOf, unread } from './state.js'

/** The app, with its two tabs. */
export function AppHome({ place, header, channel, ...rest }) {
  const { state, go } = rest
  const { workspace } = state
  const direct = workspace.channels.find((c) => c.dm)
  const news = direct ? unread(state, direct.id).mentions : 0
  return (
    <main className="channel">
      <header className="bar tabbed" data-region tabIndex={-1}>
        {header.start}
        <div className="bar-title">
          <h1>
            <Avatar user={{ bot: true }} size="tiny" />
            {workspace.app.name}
          </h1>
          <nav className="tabs" aria-label={workspace.app.name}>
            {workspace.app.home && <Tab name="Home" current={place === 'home'} onClick={() => go({ place: 'home' })} />}
            {direct && <Tab name="Messages" news={news} current={place === direct.id} onClick={() => go({ place: direct.id })} />}
          </nav>
        </div>
        {header.end}
      </header>
      {place === 'home' ? <Home key={workspace.user} {...rest} /> : <Conversation channel={channel} {...rest} />}
    </main>
  )
}

function Tab({ name, news, current, onClick }) {
  return (
    <button aria-current={current ? 'page' : undefined} onClick={onClick}>
      {name}
      {news > 0 && <span className="badge">{news}</span>}
    </button>
  )
}

/** The Home tab: the app is told that it was opened, and draws it. */
function Home({ state, ctx, steps, offer, panel, go }) {
  const { workspace, home, connected } = state
  const [refusal, setRefusal] = useState('')
  const me = workspace.user
  useEffect(() => {
    if (!connected) return
    steps.done('home')
    post('/api/home', { user: me }).then(
      () => setRefusal(''),
      (err) => setRefusal(err.message),
    )
    // Told once each time it is opened, not whenever a step was taken.
  }, [me, connected])
  const { box, pressed } = useAnswerInSight(home)
  const onPress = (on) => {
    pressed()
    return post('/api/press', { user: me, ...on })
  }
  return (
    <>
      <div className="scroll home" ref={box} data-region tabIndex={0} role="region" aria-label={`Home of ${workspace.app.name}`}>
        {refusal && (
          <p className="warning" role="alert">
            {refusal}
          </p>
        )}
        {home ? (
          <div className="home-view">
            <h2 className="unseen">Home</h2>
            <Blocks blocks={home.blocks} fallback="_Something here can’t be drawn._" context={ctx} onPress={onPress} />
          </div>
        ) : (
          <p className="empty later">{workspace.app.name} has shown nothing here yet.</p>
        )}
      </div>
      <FirstSteps {...{ state, steps, offer, panel, go }} />
    </>
  )
}

/** Whoever presses something sees what the app then says first of all. */
function useAnswerInSight(home) {
  const box = useRef(null)
  const waits = useRef(false)
  const top = topOf(home)
  useEffect(() => {
    if (top && waits.current) box.current.scrollTop = 0
    waits.current = false
  }, [top])
  return { box, pressed: useCallback(() => (waits.current = true), []) }
}
