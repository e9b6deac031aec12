// Times and days as the viewer's browser writes them.

import { clockOf } from './blocks/dates.js'

const clock = clockOf()
const full = clockOf({ weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' })
const thisYear = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' })
const otherYear = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' })
const short = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' })

export const timeOfDay = (date) => clock.format(date)
export const fullTime = (date) => full.format(date)

/** Which day it is, as a key. */
export const dayKey = (date) => `${date.getFullYear()}-${date.getMonth()}-${date.getDate()}`

/** The day as a divider names it. */
export function dayName(date, now) {
  switch (daysBetween(date, now)) {
    case 0:
      return 'Today'
    case 1:
      return 'Yesterday'
  }
  return (date.getFullYear() === now.getFullYear() ? thisYear : otherYear).format(date)
}

/** A moment in a line of its own: today by its time, else with its day. */
export function moment(date, now) {
  const days = daysBetween(date, now)
  if (days === 0) return timeOfDay(date)
  const day = { 1: 'yesterday', [-1]: 'tomorrow' }[days] ?? short.format(date)
  return `${day} ${timeOfDay(date)}`
}

/** How long ago, roughly: "just now", "5 minutes ago". */
export function ago(date, now) {
  const minutes = Math.floor((now - date) / 60_000)
  if (minutes < 1) return 'just now'
  if (minutes < 60) return plural(minutes, 'minute') + ' ago'
  if (minutes < 24 * 60) return plural(Math.floor(minutes / 60), 'hour') + ' ago'
  return moment(date, now)
}

export const plural = (n, what) => `${n} ${what}${n === 1 ? '' : 's'}`

function daysBetween(date, now) {
  const midnight = (d) => Date.UTC(d.getFullYear(), d.getMonth(), d.getDate())
  return Math.round((midnight(now) - midnight(date)) / 86_400_000)
}
