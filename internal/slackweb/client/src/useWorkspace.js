import { useCallback, useEffect, useReducer, useRef, useState } from 'react'
import { follow, get } from './api.js'
import { settle } from './presses.js'
import { continues, nothing, reduce } from './state.js'
import { session } from './storage.js'

/**
 * The workspace as one person sees it, kept up to date: {state, dispatch, person, become}. Person is who was chosen, which the
 * state follows once the server has answered. onNews is called with every event that happens while the page is open.
 */
export function useWorkspace(onNews) {
  const [person, setPerson] = useState(() => session.get('person') ?? '')
  const [state, dispatch] = useReducer(reduce, nothing)
  const latest = useRef(state)
  const news = useRef(onNews)
  useEffect(() => {
    latest.current = state
    news.current = onNews
  })
  const become = useCallback((id) => {
    session.set('person', id)
    setPerson(id)
  }, [])

  useEffect(() => {
    let gone
    let opened = 0 // what is newer happens while the page is open
    let last = '0' // the event to go on behind
    const prepare = async (refused) => {
      const workspace = await get(`/api/workspace?user=${encodeURIComponent(person)}`).catch((err) => {
        if (err.refused && person && !gone) become('')
        throw err
      })
      if (gone) throw new Error('The page is somebody else’s by now.')
      const anew = refused || last === '0' || !continues(latest.current, workspace)
      if (anew) [opened, last] = [workspace.seq, '0']
      dispatch({ type: 'workspace', workspace, anew, read: readMarks(workspace) })
      return `/api/events?user=${encodeURIComponent(workspace.user)}&after=${last}`
    }
    const end = follow({
      prepare,
      onUp: () => dispatch({ type: 'connected' }),
      onDown: () => dispatch({ type: 'lost', at: new Date() }),
      onData: (event, id) => {
        last = id || String(event.seq)
        dispatch({ type: 'event', event })
        if (event.seq <= opened) return
        settle(event)
        news.current?.(event)
      },
    })
    return () => {
      gone = true
      end()
    }
  }, [person, become])

  useEffect(() => keepMarks(state), [state])
  return { state, dispatch, person, become }
}

/**
 * What this person has read. Where unread begins is the same for everybody, namely when this tab was opened: who is looked in on later finds what happened in
 * the meantime.
 */
function readMarks(workspace) {
  const kept = session.get('read')
  if (!kept || kept.team !== workspace.team.id || kept.seq > workspace.seq) {
    return { seq: workspace.seq, base: '0', channels: {}, threads: {} }
  }
  return { seq: kept.seq, base: kept.base, channels: {}, threads: {}, ...kept.people[workspace.user] }
}

function keepMarks({ workspace, read }) {
  if (!workspace) return
  const { seq, base, channels, threads } = read
  const kept = session.get('read')
  const people = kept?.seq === seq && kept.team === workspace.team.id ? kept.people : {}
  session.set('read', { team: workspace.team.id, seq, base, people: { ...people, [workspace.user]: { channels, threads } } })
}

/** The panel's state, or null until it is known. */
export function usePanel(there) {
  const [panel, setPanel] = useState(null)
  useEffect(() => {
    if (!there) return
    return follow({ prepare: async () => '/api/panel', onData: setPanel })
  }, [there])
  return panel
}
