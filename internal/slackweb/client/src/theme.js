import { useSyncExternalStore } from 'react'
import { local } from './storage.js'

const system = matchMedia('(prefers-color-scheme: dark)')
const listeners = new Set()

const current = () => local.get('theme') ?? (system.matches ? 'dark' : 'light')

/** Draws the page light or dark: as was chosen here, else as the system does. */
export function applyTheme() {
  document.documentElement.dataset.theme = current()
  for (const listener of listeners) listener()
}

system.addEventListener('change', applyTheme)

/** [theme, toggle] */
export function useTheme() {
  const theme = useSyncExternalStore((listener) => {
    listeners.add(listener)
    return () => listeners.delete(listener)
  }, current)
  const toggle = () => {
    local.set('theme', theme === 'dark' ? 'light' : 'dark')
    applyTheme()
  }
  return [theme, toggle]
}
