import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react'
import { format, parse } from './route.js'

/** [route, go]: where one is, kept in the address. */
export function useRoute() {
  const hash = useSyncExternalStore(listenToHash, () => location.hash)
  const go = useCallback((route, { replace } = {}) => {
    if (replace) {
      history.replaceState(null, '', format(route))
      dispatchEvent(new HashChangeEvent('hashchange'))
    } else {
      location.hash = format(route)
    }
  }, [])
  return [parse(hash), go]
}

function listenToHash(listener) {
  addEventListener('hashchange', listener)
  return () => removeEventListener('hashchange', listener)
}

/** The present time, looked up again every half minute. */
export function useNow() {
  const [now, setNow] = useState(() => new Date())
  useEffect(() => {
    const timer = setInterval(() => setNow(new Date()), 30_000)
    return () => clearInterval(timer)
  }, [])
  return now
}

/** Whether a media query holds. */
export function useMedia(query) {
  return useSyncExternalStore(
    (listener) => {
      const media = matchMedia(query)
      media.addEventListener('change', listener)
      return () => media.removeEventListener('change', listener)
    },
    () => matchMedia(query).matches,
  )
}

/** Whether the page is in front of somebody. */
export function useVisible() {
  return useSyncExternalStore(
    (listener) => {
      document.addEventListener('visibilitychange', listener)
      return () => document.removeEventListener('visibilitychange', listener)
    },
    () => document.visibilityState === 'visible',
    () => true, // where there is no page
  )
}

/** F6 goes from region to region, Shift+F6 back. */
export function useRegions() {
  useEffect(() => {
    const onKey = (e) => {
      if (e.key !== 'F6') return
      const regions = [...document.querySelectorAll('[data-region]')].filter((r) => r.checkVisibility() && !r.closest('[inert]'))
      if (regions.length === 0) return
      e.preventDefault()
      const here = regions.findLastIndex((r) => r.contains(document.activeElement))
      const next = regions.at((here + (e.shiftKey ? -1 : 1)) % regions.length)
      const target = next.querySelector('[data-first]') ?? next
      target.focus()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [])
}

/** Gives the focus back to what had it before a pane was opened, once that is closed. A pane that takes nobody's focus has no use for it. */
export function useReturnFocus(takes) {
  const [before] = useState(() => document.activeElement)
  useEffect(() => {
    if (!takes) return
    return () => {
      if (before?.isConnected && before !== document.body) before.focus()
      else document.querySelector('main [data-first]')?.focus()
    }
  }, [takes, before])
}

/** Keeps a list at its end while it is there. Returns {box, inner, atEnd, toEnd}. */
export function useStickToEnd(key) {
  const box = useRef(null)
  const inner = useRef(null)
  const stuck = useRef(true)
  const [atEnd, setAtEnd] = useState(true)
  const toEnd = useCallback(() => {
    stuck.current = true
    setAtEnd(true)
    if (box.current) box.current.scrollTop = box.current.scrollHeight
  }, [])
  useEffect(() => {
    const element = box.current
    toEnd()
    let size = ''
    const sizeOf = () => `${element.scrollHeight} ${element.clientHeight}`
    const onScroll = () => {
      if (sizeOf() !== size) return // what moved it is its own new size, see below
      stuck.current = element.scrollHeight - element.scrollTop - element.clientHeight < 48
      setAtEnd(stuck.current)
    }
    const sizes = new ResizeObserver(() => {
      size = sizeOf()
      if (stuck.current) element.scrollTop = element.scrollHeight
    })
    sizes.observe(inner.current)
    sizes.observe(element)
    element.addEventListener('scroll', onScroll, { passive: true })
    return () => {
      sizes.disconnect()
      element.removeEventListener('scroll', onScroll)
    }
  }, [key, toEnd])
  return { box, inner, atEnd, toEnd }
}
