import { describe, expect, it } from 'vitest'
import { format, parse, permalink } from './route.js'
import { newest } from './Panel.jsx'
import { ago, dayName, moment } from './time.js'

describe('an address', () => {
  it.each(['#/C1', '#/C1/thread/1782094440.000100', '#/C1/message/1782094440.000100', '#/C1/thread/1782094440.000100/message/1782094441.000100', '#/home'])('%s says where one is', (hash) => {
    expect(format(parse(hash))).toBe(hash)
  })

  it.each(['', '#', '#/', '#/%'])('may say nothing: %j', (hash) => {
    expect(parse(hash)).toEqual({ place: '', thread: undefined, message: undefined })
  })

  it('of a message is read', () => {
    expect(permalink('https://x.slack.com/archives/C1/p1782094440000100')).toEqual({ channel: 'C1', ts: '1782094440.000100', thread: undefined })
    expect(permalink('https://x.slack.com/archives/C1/p1782094440000100?thread_ts=1782094000.000100&cid=C1').thread).toBe('1782094000.000100')
    expect(permalink('https://example.com/archives/')).toBeNull()
  })
})

describe('times', () => {
  const now = new Date(2026, 5, 22, 9, 0)

  it('are named as far off as they are', () => {
    expect(ago(new Date(2026, 5, 22, 8, 59, 30), now)).toBe('just now')
    expect(ago(new Date(2026, 5, 22, 8, 59), now)).toBe('1 minute ago')
    expect(ago(new Date(2026, 5, 22, 4, 0), now)).toBe('5 hours ago')
    expect(moment(new Date(2026, 5, 21, 23, 59), now)).toMatch(/^yesterday /)
    expect(moment(new Date(2026, 5, 23, 0, 1), now)).toMatch(/^tomorrow /)
    expect(dayName(new Date(2026, 5, 22), now)).toBe('Today')
    expect(dayName(new Date(2026, 5, 21, 23, 59), now)).toBe('Yesterday')
  })
})

it('tells last in the panel what came last', () => {
  const line = (text, seq) => ({ seq, time: `2026-06-22T09:0${seq}:00Z`, text })
  const told = { id: 'x', words: 'It starts.', at: new Date(2026, 5, 22, 9, 0) }
  expect(newest(null, [line('It starts.', 1)])).toBeNull()
  expect(newest(told, [])).toBe(told) // the log comes after
  expect(newest(told, [line('It starts.', 1), line('It runs.', 2), line('It starts.', 3)])).toBe(told)
  expect(newest(told, [line('It starts.', 1), line('It runs.', 2)])).toEqual({ words: 'It runs.', at: new Date('2026-06-22T09:02:00Z') })
  expect(newest({ ...told, words: 'It runs already.', bad: true }, [line('It starts.', 1)]).bad).toBe(true)
})
