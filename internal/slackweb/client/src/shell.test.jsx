import { readdirSync, readFileSync } from 'node:fs'
import { renderToStaticMarkup } from 'react-dom/server'
import { describe, expect, it, test, vi } from 'vitest'
import { FirstSteps } from './FirstSteps.jsx'
import { Messages } from './Messages.jsx'
import { Panel } from './Panel.jsx'
import { Sidebar } from './Sidebar.jsx'
import { Thread } from './Thread.jsx'
import { alive, hostile } from './blocks/hostile.js'

// What the browser would have there, as far as drawing asks for it.
vi.stubGlobal('document', { activeElement: null })
vi.mock('./theme.js', () => ({ useTheme: () => ['light', () => {}] }))

const now = new Date(2026, 5, 22, 9, 30)
const noop = () => {}

/** A workspace in which everything is called so, and everybody said it. */
function worldOf(text) {
  const users = [{ id: 'U0ANA', name: text, title: text }, { id: 'U0BOT', name: text, title: text, bot: true }]
  const channel = { id: 'C1', name: text, topic: text }
  const said = (ts, more) => ({ id: ts, ts, kind: 'message', channel: 'C1', user: 'U0BOT', text, blocks: [], edited: '2026-06-22T02:15:00Z', changes: 0, ...more })
  const items = [
    said('10.000000'),
    said('11.000000', { thread_ts: '10.000000', broadcast: true }),
    said('12.000000', { blocks: [{ type: 'hologram' }] }),
    { id: 'e1', ts: '13.000000', kind: 'command', text },
    { id: 'e2', ts: '14.000000', kind: 'command_failed', text, reason: text },
    { id: 'n1', ts: '15.000000', kind: 'notice', text },
  ]
  const workspace = {
    run: 'R1', seq: 9, user: 'U0ANA', team: { id: 'T1', name: text }, app: { name: text, user_id: 'U0BOT', description: text, home: true },
    users, people: ['U0ANA', 'U0BOT'], groups: [], channels: [channel, { id: 'D1', name: text, dm: true }],
    commands: [{ command: '/x', description: text, usage_hint: text }],
  }
  const state = { workspace, channels: { C1: items }, home: null, read: { seq: 0, base: '0', channels: {}, threads: {} } }
  const panel = {
    title: text,
    sections: [{ id: 's', title: text, tone: text, summary: text, facts: [{ label: text, value: text }], switches: [{ id: 'x', label: text, hint: text, on: true, disabled: text }] }],
    log: [{ seq: 1, time: '2026-06-22T02:15:00Z', text }],
  }
  const byID = (list) => Object.fromEntries(list.map((one) => [one.id, one]))
  const ctx = { users: byID(users), groups: {}, channels: { C1: channel }, me: 'U0ANA', myGroups: [], now }
  return { state, channel, panel, ctx, now, steps: { taken: [], done: noop }, offer: {}, go: noop, fill: noop, openThread: noop, close: noop }
}

describe('hostile text', () => {
  test.each(hostile)('in all of the page: %.40s', (text) => {
    const world = worldOf(text)
    const markup = renderToStaticMarkup(
      <>
        <Sidebar {...world} place="C1" person="U0ANA" become={noop} />
        <Messages {...world} />
        <Thread {...world} thread="10.000000" dispatch={noop} />
        <FirstSteps {...world} />
        <Panel {...world} onPress={noop} />
      </>,
    )
    expect(alive(markup)).toEqual([])
    // Everything has been drawn: a name, a message, a thread, a switch, the log.
    for (const part of ['people', 'class="message', 'class="thread"', 'class="switch', 'class="log"']) expect(markup).toContain(part)
  })
})

it('makes no markup of text anywhere', () => {
  const sources = readdirSync(import.meta.dirname, { recursive: true }).filter((name) => /(?<!\.test)\.jsx?$/.test(name))
  expect(sources.length).toBeGreaterThan(20)
  for (const name of sources) {
    expect(readFileSync(`${import.meta.dirname}/${name}`, 'utf8'), name).not.toMatch(/dangerouslySetInnerHTML|(inner|outer)HTML|insertAdjacentHTML|document\.write|createContextualFragment|\beval\(|new Function/)
  }
})
