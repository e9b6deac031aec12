// Slack's dates, <!date^UNIX^FORMAT|fallback>, in the viewer's zone.

const ordinal = (day) => day + ({ one: 'st', two: 'nd', few: 'rd' }[new Intl.PluralRules('en', { type: 'ordinal' }).select(day)] ?? 'th')
const two = (n) => String(n).padStart(2, '0')
const english = (options) => (date) => new Intl.DateTimeFormat('en-US', options).format(date)

const hasTwelve = (locale) => new Intl.DateTimeFormat(locale, { hour: 'numeric' }).resolvedOptions().hour12

/** The time of day as the viewer writes it; hours have two digits where a day has 24 of them. */
export const clockOf = (more, locale) => new Intl.DateTimeFormat(locale, { hour: hasTwelve(locale) ? 'numeric' : '2-digit', minute: '2-digit', ...more })

const clock = (more) => {
  const format = clockOf(more)
  return (date) => format.format(date)
}

const weekday = english({ weekday: 'long' })
const month = english({ month: 'long' })
const shortMonth = english({ month: 'short' })
const halfYear = 183

/** Whether who reads this writes the day before the month. */
export function daysFirst(locale) {
  const parts = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short' }).formatToParts()
  return parts.find(({ type }) => type === 'day' || type === 'month').type === 'day'
}

const viewersOrder = daysFirst()

/** How a date is put together, in the one order and in the other. */
const orders = {
  false: { day: (month, day) => `${month} ${day}`, year: (words, year) => `${words}, ${year}`, slash: (month, day, year) => `${month}/${day}/${year}` },
  true: { day: (month, day) => `${day} ${month}`, year: (words, year) => `${words} ${year}`, slash: (month, day, year) => `${day}/${month}/${year}` },
}

/** A year is left out where it goes without saying. */
const withYear = (words, date, now, order) => (Math.abs(daysBetween(date, now)) < halfYear ? words : order.year(words, date.getFullYear()))
const dayOf = (date, order) => order.day(month(date), ordinal(date.getDate()))
const longDay = (date, order) => `${weekday(date)}, ${dayOf(date, order)}`

const formats = {
  date_num: (d) => `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`,
  date_slash: (d, now, order) => order.slash(two(d.getMonth() + 1), two(d.getDate()), d.getFullYear()),
  date: (d, now, order) => withYear(dayOf(d, order), d, now, order),
  date_short: (d, now, order) => withYear(order.day(shortMonth(d), d.getDate()), d, now, order),
  date_long: (d, now, order) => withYear(longDay(d, order), d, now, order),
  date_long_full: (d, now, order) => `${weekday(d)}, ${order.year(order.day(month(d), d.getDate()), d.getFullYear())}`,
  day_divider: (d, now, order) => withYear(longDay(d, order), d, now, order),
  time: clock(),
  time_secs: clock({ second: '2-digit' }),
  ago,
}

/** The moment in full, for whoever points at a date. */
export const inFull = clock({ weekday: 'long', day: 'numeric', month: 'long', year: 'numeric', second: '2-digit', timeZoneName: 'short' })

/** The moment of a timestamp in seconds; undefined for what is none. */
export function moment(timestamp) {
  const date = new Date(Number(timestamp) * 1000)
  return timestamp === '' || timestamp == null || Number.isNaN(date.getTime()) ? undefined : date
}

/**
 * Writes a date as format says. A day that is near is named, and begins with a capital where it begins what is read;
 * a token that Slack does not have stays as it is. Days and months are in English, and stand as the viewer orders them.
 */
export function formatDate(date, format, now, capital, dayFirst = viewersOrder) {
  return format.replace(/\{([a-z_]+)\}/g, (token, name, at) => {
    const plain = name.replace(/_pretty$/, '')
    const near = plain === name ? undefined : { 0: 'today', [-1]: 'yesterday', 1: 'tomorrow' }[daysBetween(date, now)]
    if (near) return capital && at === 0 ? near[0].toUpperCase() + near.slice(1) : near
    return formats[plain]?.(date, now, orders[dayFirst]) ?? token
  })
}

/** How many days date lies behind now, by the calendar. */
function daysBetween(date, now) {
  const midnight = (d) => Date.UTC(d.getFullYear(), d.getMonth(), d.getDate())
  return Math.round((midnight(date) - midnight(now)) / 86_400_000)
}

const units = [
  ['year', 365 * 86_400],
  ['month', 30 * 86_400],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
]

function ago(date, now) {
  const seconds = Math.round((date - now) / 1000)
  const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) ?? units.at(-1)
  return new Intl.RelativeTimeFormat('en').format(Math.trunc(seconds / size), unit)
}
