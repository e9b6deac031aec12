import { useCallback, useEffect, useReducer, useRef, useState } from 'react'
import { follow, get } from './api.js'
import { continues, nothing, readOf, reduce, toKeep } from './state.js'
import { session } from './storage.js'

/**
 * The workspace as one person sees it, kept up to date: {state, panel, dispatch, person, become}. Person is who was chosen, which the
 * state follows once the server has answered; panel is null until its state is known, or where there is none. onNews is called with every event that happens while the page is open.
 */
export function useWorkspace(onNews) {
  const [person, setPerson] = useState(() => session.get('person') ?? '')
  const [state, dispatch] = useReducer(reduce, nothing)
  const [panel, setPanel] = useState(null)
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
    let last = '' // the event to go on behind
    const prepare = async () => {
      const workspace = await get(`/api/workspace?user=${encodeURIComponent(person)}`).catch((err) => {
        if (err.refused && person && !gone) become('')
        throw err
      })
      if (gone) throw new Error('The page is somebody else’s by now.')
      const anew = !last || !continues(latest.current, workspace)
      if (anew) [opened, last] = [workspace.seq, '']
      dispatch({ type: 'workspace', workspace, anew, read: readOf(session.get('read'), workspace) })
      return `/api/events?user=${encodeURIComponent(workspace.user)}&after=${last}`
    }
    const end = follow({
      prepare,
      onUp: () => dispatch({ type: 'connected' }),
      onDown: () => dispatch({ type: 'lost', at: new Date() }),
      onPanel: setPanel,
      onEvent: (event, id) => {
        last = id
        dispatch({ type: 'event', event })
        if (event.seq > opened) news.current(event)
      },
    })
    return () => {
      gone = true
      end()
    }
  }, [person, become])

  useEffect(() => {
    if (state.workspace) session.set('read', toKeep(session.get('read'), state))
  }, [state])
  return { state, panel, dispatch, person, become }
}
