// A press is over when the app reacted to it, or Slack says that it did not. Both come as events; this brings them back to the button.

import { post } from './api.js'
import { reasons } from './failures.js'

/** After so many milliseconds an app that shows nothing has taken it silently: Slack itself waits for 3 s. */
const limit = 3500

const open = new Map() // trigger → {on, end}
const early = [] // the newest events, for one that comes before the answer to its press does

/** Presses something. Rejects with a sentence where nothing came of it. */
export async function press(on) {
  const { trigger } = await post('/api/press', on)
  await new Promise((resolve, reject) => {
    const timer = setTimeout(() => end(), limit)
    const end = (err) => {
      clearTimeout(timer)
      open.delete(trigger)
      if (err) reject(err)
      else resolve()
    }
    open.set(trigger, { on, end })
    early.filter((event) => event.trigger === trigger).forEach((event) => weigh(event, trigger))
  })
}

/** Takes an event that may be what came of a press. */
export function settle(event) {
  early.push(event)
  if (early.length > 20) early.shift()
  for (const trigger of open.keys()) weigh(event, trigger)
}

function weigh(event, trigger) {
  const { on, end } = open.get(trigger) ?? {}
  if (!on || event.kind === 'action') return
  if (event.trigger === trigger) return end(event.kind === 'action_failed' ? new Error(sentence(event)) : undefined)
  const changed = event.kind === 'home' ? !on.ts : on.ts && event.message?.ts === on.ts
  if (changed) end()
}

function sentence({ error, text }) {
  return reasons[error] ?? text
}
