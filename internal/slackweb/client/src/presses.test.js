import { afterEach, beforeEach, expect, it } from 'vitest'
import { press, settle } from './presses.js'

const on = { user: 'U0ANA', channel: 'C1', ts: '10.000000', action_id: 'start' }

const browsers = globalThis.fetch
let serial = 0
let answer

beforeEach(() => {
  answer = () => ({ ok: true, body: { trigger: `t${serial}` } })
  serial++
  globalThis.fetch = async () => {
    const { ok, body } = answer()
    return { ok, json: async () => body }
  }
})

afterEach(() => {
  globalThis.fetch = browsers
})

/** A press whose answer the browser has: what it is now, and how it ends. */
async function pressed(where = on) {
  const one = { state: 'waits' }
  one.end = press(where).then(
    () => (one.state = 'done'),
    (err) => (one.state = err.message),
  )
  await settled()
  return one
}

/** Lets everything happen that has no more to wait for. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

it('is over when the app answers it', async () => {
  const one = await pressed()
  settle({ kind: 'action', trigger: `t${serial}`, message: { ts: on.ts } })
  settle({ kind: 'message', trigger: 'another', message: { ts: '11.000000' } })
  await settled()
  expect(one.state).toBe('waits')
  settle({ kind: 'ephemeral', trigger: `t${serial}`, message: { ts: '12.000000' } })
  await one.end
  expect(one.state).toBe('done')
})

it('is over when its message changes', async () => {
  const one = await pressed()
  settle({ kind: 'edit', message: { ts: on.ts } })
  await one.end
  expect(one.state).toBe('done')
})

it('is over when its Home tab is drawn anew, and not before', async () => {
  const one = await pressed({ user: 'U0ANA', action_id: 'refresh' })
  settle({ kind: 'edit', message: { ts: on.ts } })
  await settled()
  expect(one.state).toBe('waits')
  settle({ kind: 'home' })
  await one.end
  expect(one.state).toBe('done')
})

it('comes to nothing in words when the app does not react', async () => {
  const one = await pressed()
  settle({ kind: 'action_failed', trigger: `t${serial}`, error: 'dispatch_failed', text: 'failed' })
  await one.end
  expect(one.state).toBe('The app is not connected, so it never heard of this.')
})

it('knows what came before the answer to it did', async () => {
  settle({ kind: 'action_failed', trigger: `t${serial}`, error: 'something_new', text: 'It failed otherwise.' })
  const one = await pressed()
  await one.end
  expect(one.state).toBe('It failed otherwise.')
})

it('is refused in the words of the server', async () => {
  answer = () => ({ ok: false, body: { error: 'That is gone.' } })
  const one = await pressed()
  await one.end
  expect(one.state).toBe('That is gone.')
})
