import { describe, expect, it } from 'vitest'
import { belongs, continues, find, mentions, nothing, readOf, reduce, replies, summary, timeline, toKeep, tsOf, unread } from './state.js'

const people = { ana: 'U0ANA', ben: 'U0BEN', bot: 'U0BOT' }

const workspace = (seq, user = people.ana) => ({
  run: 'R1', seq, user, people: [people.ana, people.ben], channels: [{ id: 'C1', name: 'news' }, { id: 'C2', name: 'general' }, { id: 'D1', dm: true }],
})

const enter = (seq, user) => ({ type: 'workspace', workspace: workspace(seq, user) })

const message = (ts, rest) => ({ channel: 'C1', ts, user: people.bot, text: 'Hello', blocks: [], ...rest })

const event = (seq, kind, rest) => ({ type: 'event', event: { seq, kind, time: '2026-06-22T02:14:00Z', channel: 'C1', ...rest } })

const posted = (seq, ts, rest) => event(seq, 'message', { message: message(ts, rest) })

const play = (...actions) => actions.reduce(reduce, nothing)

const texts = (items) => items.map((item) => item.text)

describe('messages', () => {
  it('stand in the order of their ts, whatever order they come in', () => {
    const state = play(enter(0), posted(3, '30.000000', { text: 'c' }), posted(4, '10.000000', { text: 'a' }), posted(5, '20.000000', { text: 'b' }))
    expect(texts(timeline(state, 'C1'))).toEqual(['a', 'b', 'c'])
  })

  it('change in place, and count what changed in front of the viewer', () => {
    const edit = (seq, text) => event(seq, 'edit', { message: message('10.000000', { text, edited: '2026-06-22T02:15:00Z' }) })
    const state = play(enter(0), posted(1, '10.000000'), posted(2, '20.000000'), edit(3, 'one'), edit(4, 'two'))
    expect(texts(timeline(state, 'C1'))).toEqual(['two', 'Hello'])
    expect(find(state, 'C1', '10.000000')).toMatchObject({ changes: 2, edited: '2026-06-22T02:15:00Z' })
  })

  it('may be heard of first by their last edit, which is then no change', () => {
    const state = play(enter(9), event(7, 'edit', { message: message('10.000000', { text: 'late' }) }))
    expect(timeline(state, 'C1')).toMatchObject([{ text: 'late', changes: 0 }])
  })

  it('were never edited at the zero time of Go', () => {
    const state = play(enter(0), posted(1, '10.000000', { edited: '0001-01-01T00:00:00Z' }))
    expect(find(state, 'C1', '10.000000').edited).toBeNull()
  })

  it('go when they are deleted, also one that was never heard of', () => {
    const gone = (seq, ts) => event(seq, 'delete', { message: message(ts) })
    const state = play(enter(0), posted(1, '10.000000'), posted(2, '20.000000'), gone(3, '10.000000'), gone(4, '15.000000'))
    expect(timeline(state, 'C1').map((item) => item.id)).toEqual(['20.000000'])
  })

  it('that only one person sees are replaced in place too', () => {
    const shown = (seq, kind, text) => event(seq, kind, { message: message('10.000000', { text, ephemeral: true }) })
    const state = play(enter(0), shown(1, 'ephemeral', 'wait'), shown(2, 'ephemeral_edit', 'done'))
    expect(timeline(state, 'C1')).toMatchObject([{ text: 'done', ephemeral: true, changes: 1 }])
  })
})

it('puts what one author says in one go under one name', () => {
  const one = { kind: 'message', user: 'U0BOT', ts: '1000.000000' }
  expect(belongs(one, { ...one, ts: '1299.000000' })).toBe(true)
  expect(belongs(one, { ...one, ts: '1300.000000' })).toBe(false)
  expect(belongs(one, { ...one, user: 'U0ANA' })).toBe(false)
  expect(belongs(one, { ...one, broadcast: true })).toBe(false)
  expect(belongs({ ...one, ephemeral: true }, one)).toBe(false)
  expect(belongs({ ...one, kind: 'command' }, one)).toBe(false)
  expect(belongs(undefined, one)).toBe(false)
})

describe('commands', () => {
  it('stand where they were typed, with what Slack says when they fail', () => {
    const state = play(
      enter(0),
      event(1, 'command', { user: people.ana, text: '/do it', time: '2026-06-22T02:14:00.5Z' }),
      event(2, 'command_failed', { text: '/do it failed', error: 'dispatch_failed', reason: 'It is off.', time: '2026-06-22T02:14:03Z' }),
      posted(3, tsOf('2026-06-22T02:14:01Z')),
    )
    expect(timeline(state, 'C1').map((item) => item.kind)).toEqual(['command', 'message', 'command_failed'])
    expect(timeline(state, 'C1')[2].reason).toBe('It is off.')
  })

  it('that never left are answered behind all else', () => {
    const note = { type: 'notice', channel: 'C1', text: '/what is no command' }
    const state = play(enter(0), posted(1, '10.000000'), note, note, posted(2, '20.000000'))
    expect(texts(timeline(state, 'C1'))).toEqual(['Hello', '/what is no command', '/what is no command', 'Hello'])
    expect(new Set(timeline(state, 'C1').map((item) => item.id)).size).toBe(4)
  })

  it('have a time that sorts with a ts', () => {
    expect(tsOf('2026-06-22T02:14:00Z')).toBe('1782094440.000000')
    expect(tsOf('2026-06-22T02:14:00.123456789Z')).toBe('1782094440.123456')
    expect(tsOf('2026-06-22T04:14:00.5+02:00')).toBe('1782094440.500000')
  })
})

describe('threads', () => {
  const reply = (seq, ts, rest) => posted(seq, ts, { thread_ts: '10.000000', ...rest })

  it('stay out of the channel, but for what was broadcast', () => {
    const state = play(enter(0), posted(1, '10.000000', { text: 'root' }), reply(2, '11.000000', { text: 'quiet' }), reply(3, '12.000000', { text: 'loud', broadcast: true }))
    expect(texts(timeline(state, 'C1'))).toEqual(['root', 'loud'])
    expect(texts(replies(state, 'C1', '10.000000'))).toEqual(['quiet', 'loud'])
  })

  it('are summed up under their first message', () => {
    const state = play(
      enter(0), posted(1, '10.000000'), reply(2, '11.000000'), reply(3, '12.000000', { user: people.ana }), reply(4, '13.000000', { ephemeral: true }),
    )
    expect(summary(state, 'C1', '10.000000')).toEqual({ count: 2, last: '12.000000', users: [people.bot, people.ana], fresh: 1 })
    expect(summary(state, 'C1', '11.000000')).toBeNull()
  })

  it('have nothing new once they were shown', () => {
    const state = play(enter(0), posted(1, '10.000000'), reply(2, '11.000000'), { type: 'read', channel: 'C1', thread: '10.000000' }, reply(3, '12.000000'))
    expect(summary(state, 'C1', '10.000000').fresh).toBe(1)
  })
})

describe('unread', () => {
  it('is nothing that was there when the page was opened', () => {
    const state = play(enter(2), posted(1, '10.000000'), posted(2, '20.000000', { channel: 'C2' }))
    expect(unread(state, 'C1')).toEqual({ count: 0, mentions: 0 })
    expect(unread(state, 'C2')).toEqual({ count: 0, mentions: 0 })
  })

  it('is what others said since then, until the channel is shown', () => {
    const before = play(enter(1), posted(1, '10.000000'), posted(2, '20.000000'), posted(3, '30.000000', { text: `<@${people.ana}>: over` }))
    expect(unread(before, 'C1')).toEqual({ count: 2, mentions: 1 })
    expect(unread(reduce(before, { type: 'read', channel: 'C1' }), 'C1')).toEqual({ count: 0, mentions: 0 })
  })

  it('is neither what one wrote oneself, nor what only oneself sees, nor an edit', () => {
    const state = play(
      enter(1), posted(1, '10.000000'), posted(2, '20.000000', { user: people.ana }),
      event(3, 'ephemeral', { message: message('30.000000', { ephemeral: true }) }),
      event(4, 'edit', { message: message('10.000000', { text: `<@${people.ana}>` }) }),
    )
    expect(unread(state, 'C1')).toEqual({ count: 0, mentions: 0 })
  })

  it('is a reply only where it calls the person', () => {
    const reply = (seq, ts, text) => posted(seq, ts, { thread_ts: '10.000000', text })
    const state = play(enter(1), posted(1, '10.000000'), reply(2, '20.000000', 'on its way'), reply(3, '30.000000', `<@${people.ana}> done`))
    expect(unread(state, 'C1')).toEqual({ count: 1, mentions: 1 })
  })

  it('knows the groups that the person is in', () => {
    const groups = [{ id: 'S0MINE', handle: 'oncall', mine: true }, { id: 'S0OTHER', handle: 'rest', mine: false }]
    const opened = { type: 'workspace', workspace: { ...workspace(1), groups } }
    const state = play(opened, posted(1, '10.000000'), posted(2, '20.000000', { text: '<!subteam^S0MINE>' }), posted(3, '30.000000', { text: '<!subteam^S0OTHER>' }))
    expect(unread(state, 'C1')).toEqual({ count: 2, mentions: 1 })
  })

  it('calls for every direct message', () => {
    const state = play(enter(1), posted(1, '10.000000'), posted(2, '20.000000', { channel: 'D1' }))
    expect(unread(state, 'D1')).toEqual({ count: 1, mentions: 1 })
  })

  it('is kept for each person: what they were told it begins with is where it begins', () => {
    const read = { seq: 1, base: '10.000000', channels: { C1: '20.000000' }, threads: {} }
    const state = play({ ...enter(4, people.ben), read }, posted(1, '10.000000'), posted(2, '20.000000'), posted(3, '30.000000'), posted(4, '15.000000', { channel: 'C2' }))
    expect(unread(state, 'C1').count).toBe(1)
    expect(unread(state, 'C2').count).toBe(1)
  })

  it('does not change a state that has nothing to read', () => {
    const state = play(enter(1), posted(1, '10.000000'))
    expect(reduce(state, { type: 'read', channel: 'C1' })).toBe(state)
    expect(reduce(state, { type: 'read', channel: 'C2' })).toBe(state)
  })
})

describe('what was read', () => {
  const state = play(enter(1), posted(1, '10.000000'), posted(2, '20.000000'), { type: 'read', channel: 'C1' })
  const kept = toKeep(undefined, state)

  it('is kept for each person', () => {
    expect(readOf(kept, workspace(7))).toEqual({ seq: 1, base: '10.000000', channels: { C1: '20.000000' }, threads: {} })
    expect(readOf(kept, workspace(7, people.ben))).toEqual({ seq: 1, base: '10.000000', channels: {}, threads: {} })
    const both = toKeep(kept, play({ ...enter(7, people.ben), read: readOf(kept, workspace(7, people.ben)) }))
    expect(readOf(both, workspace(9))).toEqual(readOf(kept, workspace(9)))
  })

  it('is of one run', () => {
    const other = { ...workspace(7), run: 'R2' }
    expect(readOf(kept, other)).toEqual({ seq: 7, base: '0', channels: {}, threads: {} })
    expect(toKeep(kept, { ...state, workspace: { ...other, user: people.ben } }).people).not.toHaveProperty(people.ana)
  })
})

describe('mentions', () => {
  it.each([
    [{ text: 'Over. <@U0ANA>' }, true],
    [{ text: 'Over. <@U0ANA|ana>' }, true],
    [{ text: 'Over. <@U0ANASTASIA>' }, false],
    [{ text: 'ana' }, false],
    [{ text: 'Over. <!subteam^S0MINE>' }, true],
    [{ text: 'Over. <!subteam^S0MINE|@oncall>' }, true],
    [{ text: 'Over. <!subteam^S0OTHER>' }, false],
    [{ text: '<!here> over' }, true],
    [{ text: '<!channel|channel> over' }, true],
    [{ text: '<!date^1782094440^{time}|02:14>' }, false],
    [{ text: 'Over.', blocks: [{ type: 'section', text: { type: 'mrkdwn', text: 'by <@U0ANA>' } }] }, true],
  ])('%o: %s', (said, want) => {
    expect(mentions(said, people.ana, ['S0MINE'])).toBe(want)
  })
})

describe('a connection', () => {
  const story = [posted(1, '10.000000'), posted(2, '20.000000'), event(3, 'edit', { message: message('10.000000', { text: 'changed' }) })]

  it('that is made again brings nothing twice', () => {
    const once = play(enter(3), ...story)
    const twice = play(enter(3), ...story, { type: 'lost', at: new Date(0) }, enter(3), { type: 'connected' }, ...story, posted(4, '30.000000'))
    expect(timeline(twice, 'C1').slice(0, 2)).toEqual(timeline(once, 'C1'))
    expect(timeline(twice, 'C1')).toHaveLength(3)
  })

  it('says since when it is lost, once', () => {
    const lost = play(enter(0), { type: 'lost', at: new Date(1) }, { type: 'lost', at: new Date(2) })
    expect(lost).toMatchObject({ connected: false, since: new Date(1) })
    expect(reduce(lost, { type: 'connected' })).toMatchObject({ connected: true, since: null })
  })

  it('to a workspace that has forgotten what came next begins anew', () => {
    const state = play(enter(3), posted(3, '10.000000'))
    expect(continues(state, { ...workspace(9), forgotten: 3 })).toBe(true)
    expect(continues(state, { ...workspace(9), forgotten: 4 })).toBe(false)
  })

  it('to a workspace that was begun anew forgets the old one', () => {
    const other = { type: 'workspace', workspace: { ...workspace(9), run: 'R2' } }
    expect(texts(timeline(play(enter(3), ...story, other, posted(1, '90.000000', { text: 'new' })), 'C1'))).toEqual(['new'])
    const refused = play(enter(3), ...story, { ...enter(8), anew: true })
    expect(timeline(refused, 'C1')).toEqual([])
  })

  it('of somebody else shows nothing of the one before', () => {
    const own = event(4, 'ephemeral', { message: message('40.000000', { ephemeral: true, text: 'for ana' }) })
    const state = play(enter(3), ...story, own, { type: 'event', event: { seq: 5, kind: 'home', time: '', view: { blocks: [] } } }, enter(5, people.ben))
    expect(timeline(state, 'C1')).toEqual([])
    expect(state.home).toBeNull()
  })
})

it('keeps the newest Home tab', () => {
  const home = (seq, id) => ({ type: 'event', event: { seq, kind: 'home', view: { id, blocks: [] } } })
  expect(play(enter(0), home(1, 'V1'), home(2, 'V2')).home.id).toBe('V2')
})
