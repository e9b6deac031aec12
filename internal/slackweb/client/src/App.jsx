import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { AppHome } from './AppHome.jsx'
import { Channel } from './Channel.jsx'
import { Icon } from './Icon.jsx'
import { Panel } from './Panel.jsx'
import { Sidebar } from './Sidebar.jsx'
import { Thread } from './Thread.jsx'
import { Confirming } from './blocks/Confirm.jsx'
import { plain } from './blocks/index.jsx'
import { useMedia, useNow, useRegions, useRoute, useVisible } from './hooks.js'
import { permalink } from './route.js'
import { myGroups, summary, topOf, unread } from './state.js'
import { session } from './storage.js'
import { timeOfDay } from './time.js'
import { useWorkspace } from './useWorkspace.js'

export function App() {
  const here = useRef({})
  const [said, setSaid] = useState('')
  // What is said twice differs by a space, or it would not be read out again.
  const say = useCallback((words) => words && setSaid((before) => (words === before ? words + '\u00a0' : words)), [])
  const { state, panel, dispatch: reduced, person, become } = useWorkspace((event) => say(announcement(event, here.current)))
  const dispatch = useCallback(
    (action) => {
      reduced(action)
      if (action.type === 'notice') say(toYouAlone('Slackbot', action.text))
    },
    [reduced, say],
  )
  const user = state.workspace?.user
  useEffect(() => setSaid(''), [user]) // what one person was told is nothing that the next one hears
  if (!state.workspace) return <Opening lost={!state.connected} />
  return (
    <>
      <Page {...{ state, panel, dispatch, person, become, here }} />
      <div className="unseen" role="status" aria-live="polite">
        {said}
      </div>
    </>
  )
}

function Opening({ lost }) {
  return (
    <main className="opening">
      <h1>{lost ? 'Nobody answers' : 'Opening the workspace …'}</h1>
      {lost && <p>The workspace can’t be reached. The page goes on by itself once it can.</p>}
    </main>
  )
}

function Page({ state, panel, dispatch, person, become, here }) {
  const { workspace } = state
  const [route, go] = useRoute()
  const now = useNow()
  const [drawer, setDrawer] = useState(null)
  const [panelWanted, setPanelWanted] = useState(() => session.get('panel') ?? true)
  const wide = useMedia('(min-width: 1180px)')
  const narrow = useMedia('(max-width: 760px)')
  const single = useMedia('(max-width: 900px)') // a thread takes the place of its channel
  const panelClosed = useRef(false) // by the person, who then finds the focus on what opens it again
  const steps = useSteps(state)
  const becoming = person !== '' && person !== workspace.user // what was typed now would still be said by the one before
  useRegions()

  const place = placeOf(route, workspace)
  const channel = workspace.channels.find((c) => c.id === place)
  const thread = channel && route.thread
  const names = useNames(workspace)
  here.current = { place, home: state.home, channel: channel?.id, thread, names, me: workspace.user, hasThread: (m) => summary(state, m.channel, m.ts) !== null }
  const ctx = useMemo(
    () => ({
      ...names,
      me: workspace.user,
      myGroups: myGroups(workspace),
      now,
      onChannel: (id) => go({ place: id }),
      onPermalink: (url) => {
        const to = permalink(url)
        if (!to) return
        const thread = to.thread ?? (here.current.hasThread(to) ? to.ts : undefined)
        go({ place: to.channel, thread, message: to.ts })
      },
    }),
    [names, workspace, now, go, here],
  )

  useReading(state, dispatch, channel?.id, thread)
  useTitle(state, channel)
  const panelShown = workspace.panel && (wide ? panelWanted : drawer === 'panel')
  const togglePanel = () => {
    if (!wide) return setDrawer(drawer === 'panel' ? null : 'panel')
    panelClosed.current = panelWanted
    session.set('panel', !panelWanted)
    setPanelWanted(!panelWanted)
  }
  const show = useCallback(
    (target) => {
      setDrawer(null)
      go(target)
    },
    [go],
  )
  const openThread = (ts) => {
    steps.done('thread')
    go({ place, thread: ts })
  }
  const closeThread = () => go({ place })
  useEscape(drawer ? () => setDrawer(null) : thread ? closeThread : null)

  const header = headerOf({
    narrow, wide, panel, panelShown, togglePanel, panelClosed,
    panelThere: workspace.panel,
    openSidebar: () => setDrawer('sidebar'),
    mentions: workspace.channels.reduce((sum, c) => sum + unread(state, c.id).mentions, 0),
  })
  const shared = { state, dispatch, ctx, now, steps, header, go: show }
  const offer = { become: (id) => { steps.done('person'); become(id) }, showPanel: panelShown ? () => document.querySelector('.panel .switch button')?.focus({ focusVisible: true }) : togglePanel }
  return (
    <Confirming context={ctx} place={`${workspace.run} ${workspace.user} ${place} ${thread ?? ''}`}>
      <div className={`app ${thread ? 'with-thread' : ''} ${wide && panelShown ? 'with-panel' : ''}`}>
        {!state.connected && <Lost since={state.since} />}
        {(!narrow || drawer === 'sidebar') && (
          <Sidebar {...{ state, place, go: show, person, become, drawer: drawer === 'sidebar', close: () => setDrawer(null) }} />
        )}
        <div className="stage" aria-busy={becoming || undefined} inert={becoming || (drawer !== null && (narrow || drawer === 'panel'))}>
          {!(single && thread) && <Place {...shared} {...{ channel, place, openThread, thread, offer, panel }} message={route.message} />}
          {thread && <Thread key={channel.id + thread} {...shared} {...{ channel, thread, single }} close={closeThread} />}
        </div>
        {panelShown && <Panel {...{ panel, now, drawer: !wide }} close={togglePanel} onPress={() => steps.done('panel')} />}
        {drawer && <button className="backdrop" tabIndex={-1} aria-label="Close" onClick={() => setDrawer(null)} />}
      </div>
    </Confirming>
  )
}

/** What the middle shows: the app, or a channel. */
function Place(props) {
  return props.place === 'home' || props.channel?.dm ? <AppHome {...props} /> : <Channel {...props} />
}

/** What stands above every place at its start and its end: the ways to the sidebar and to the panel. */
function headerOf({ narrow, wide, panel, panelThere, panelShown, togglePanel, panelClosed, openSidebar, mentions }) {
  return {
    start: narrow && (
      <button className="quiet" aria-label={`Channels and people${mentions ? `, ${mentions} unread mentions` : ''}`} onClick={openSidebar}>
        <Icon name="menu" />
        {mentions > 0 && <span className="badge corner">{mentions}</span>}
      </button>
    ),
    end: panelThere && !(panelShown && wide) && (
      <button className="quiet labelled" aria-expanded={panelShown} autoFocus={wide && panelClosed.current} onClick={togglePanel}>
        <Icon name="panel" />
        <span>{panel?.title ?? 'Panel'}</span>
      </button>
    ),
  }
}

function Lost({ since }) {
  return (
    <div className="lost" role="alert">
      <Icon name="offline" />
      <span>
        <strong>Disconnected{since ? ` at ${timeOfDay(since)}` : ''}.</strong> What you see may be old. The page reconnects by itself once the workspace
        answers again.
      </span>
    </div>
  )
}

function placeOf(route, workspace) {
  const there = route.place === 'home' ? workspace.app.home : workspace.channels.some((c) => c.id === route.place)
  if (there) return route.place
  // Somebody else's direct messages are one's own ones here.
  const instead = workspace.channels.find((c) => c.dm && route.place.startsWith('D')) ?? workspace.channels[0]
  return instead?.id ?? 'home'
}

function useNames(workspace) {
  return useMemo(() => {
    const byID = (list) => Object.fromEntries((list ?? []).map((one) => [one.id, one]))
    return { users: byID(workspace.users), groups: byID(workspace.groups), channels: byID(workspace.channels) }
  }, [workspace])
}

/** What is in front of somebody is read. */
function useReading(state, dispatch, channel, thread) {
  const visible = useVisible()
  useEffect(() => {
    if (!visible || !channel) return
    dispatch({ type: 'read', channel })
    if (thread) dispatch({ type: 'read', channel, thread })
  }, [visible, channel, thread, state.channels, state.read.base, dispatch])
}

function useTitle(state, channel) {
  const { workspace } = state
  const mentions = workspace.channels.reduce((sum, c) => sum + unread(state, c.id).mentions, 0)
  const name = channel && !channel.dm ? '#' + channel.name : workspace.app.name
  useEffect(() => {
    document.title = `${mentions ? `(${mentions}) ` : ''}${name} · ${workspace.team.name}`
  }, [mentions, name, workspace.team.name])
}

function useEscape(close) {
  useEffect(() => {
    if (!close) return
    const onKey = (e) => {
      if (e.key === 'Escape' && !e.defaultPrevented && !document.querySelector('dialog[open]')) close()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  })
}

/** The first steps that this tab has taken in this run of the workspace: {taken, done}. */
function useSteps(state) {
  const { run } = state.workspace
  const [kept, setKept] = useState(() => session.get('steps'))
  const taken = useMemo(() => (kept?.run === run ? kept.taken : []), [kept, run])
  const done = useCallback(
    (step) =>
      setKept((before) => {
        const already = before?.run === run ? before.taken : []
        return already.includes(step) ? before : { run, taken: [...already, step] }
      }),
    [run],
  )
  useEffect(() => {
    if (kept) session.set('steps', kept)
  }, [kept])
  const typed = Object.values(state.channels).some((items) => items.some((item) => item.kind === 'command'))
  useEffect(() => {
    if (typed) done('command')
  }, [typed, done])
  return { taken, done }
}

const toYouAlone = (who, words) => `${who}, only visible to you: ${words}`

/** What is read out of something new in front of somebody. What only they see is an answer to them, and so is what becomes of it. */
function announcement({ kind, channel: where, text, reason, message, view }, { place, home, channel, thread, names, me }) {
  if (kind === 'home') return place === 'home' && topOf(view) !== topOf(home) ? plain(topOf(view), { ...names, now: new Date() }) : ''
  if (kind === 'command_failed') return where === channel ? toYouAlone('Slackbot', [text, reason].filter(Boolean).join(' ')) : ''
  if (kind !== 'message' && kind !== 'ephemeral' && kind !== 'ephemeral_edit') return ''
  if (message.channel !== channel || message.user === me) return ''
  if (message.thread_ts && !message.broadcast && message.thread_ts !== thread) return ''
  const who = names.users[message.user]?.name ?? 'Somebody'
  const words = plain(message.text, { ...names, now: new Date() })
  return message.ephemeral ? toYouAlone(who, words) : `${who}: ${words}`
}
