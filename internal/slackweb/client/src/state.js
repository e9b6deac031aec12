// What the page shows, worked out from the workspace and its events alone. Everything here is a pure function.

/** What the page begins with, before anything has come from the server. */
export const nothing = {
  workspace: null,
  seq: 0, // of the newest event that was taken
  connected: true,
  since: null, // when the connection was lost
  channels: {}, // id → items, oldest first: messages, and what else stands among them
  home: null,
  read: { seq: 0, base: '0', channels: {}, threads: {} },
}

/**
 * Takes one thing that happened: {type: "workspace"}, {type: "event"}, {type: "notice"}, {type: "dismiss"}, {type: "read"},
 * {type: "lost"} or {type: "connected"}.
 */
export function reduce(state, action) {
  switch (action.type) {
    case 'workspace':
      return enter(state, action)
    case 'event':
      return action.event.seq > state.seq ? { ...take(state, action.event), seq: action.event.seq } : state
    case 'notice':
      return put(state, action.channel, notice(state, action))
    case 'read':
      return see(state, action)
    case 'lost':
      return state.connected ? { ...state, connected: false, since: action.at } : state
    case 'connected':
      return state.connected ? state : { ...state, connected: true, since: null }
  }
  return state
}

/** Somebody else's view, or a workspace begun anew, starts from nothing; otherwise there is only news of the workspace itself. */
function enter(state, { workspace, read, anew }) {
  if (!anew && continues(state, workspace)) return { ...state, workspace }
  return { ...nothing, workspace, read: read ?? { ...nothing.read, seq: workspace.seq } }
}

/** Whether a workspace goes on where this state stands: what came behind it may be forgotten. */
export function continues(state, workspace) {
  const known = state.workspace
  return Boolean(known) && known.user === workspace.user && known.run === workspace.run && state.seq >= (workspace.forgotten ?? 0)
}

function take(state, event) {
  const { kind, message } = event
  switch (kind) {
    case 'message':
    case 'edit':
    case 'ephemeral':
    case 'ephemeral_edit':
      return put(remember(state, event), message.channel, asItem(state, event))
    case 'delete':
      return drop(state, message.channel, message.ts)
    case 'command':
      return put(state, event.channel, { id: 'e' + event.seq, kind, ts: tsOf(event.time), user: event.user, text: event.text })
    case 'command_failed':
      return put(state, event.channel, {
        id: 'e' + event.seq, kind, ts: tsOf(event.time), text: event.text, reason: event.reason,
      })
    case 'home':
      return { ...state, home: event.view }
  }
  return state
}

/** What was there when the page was opened is read: its newest ts is where unread begins. */
function remember(state, event) {
  const { read } = state
  if (event.seq > read.seq || event.message.ts <= read.base) return state
  return { ...state, read: { ...read, base: event.message.ts } }
}

function asItem(state, { kind, message }) {
  const before = find(state, message.channel, message.ts)
  return {
    ...message,
    id: message.ts,
    kind: 'message',
    edited: isTime(message.edited) ? message.edited : null,
    // How often it changed in front of the viewer.
    changes: before ? before.changes + (kind === 'edit' || kind === 'ephemeral_edit' ? 1 : 0) : 0,
  }
}

/** Go's zero time means never. */
function isTime(text) {
  return Boolean(text) && !text.startsWith('0001-')
}

/** What Slack itself says to one person, without an app. */
function notice(state, { channel, text, thread }) {
  const items = state.channels[channel] ?? []
  const ts = items.length ? items[items.length - 1].ts : '0'
  const local = items.filter((item) => item.kind === 'notice').length
  return { id: `n${state.seq}.${local}`, kind: 'notice', ts, text, thread_ts: thread }
}

function put(state, channel, item) {
  const items = state.channels[channel] ?? []
  const at = items.findIndex((other) => other.id === item.id)
  if (at >= 0) return withItems(state, channel, items.with(at, item))
  const behind = items.findLastIndex((other) => other.ts <= item.ts)
  return withItems(state, channel, items.toSpliced(behind + 1, 0, item))
}

function drop(state, channel, ts) {
  return withItems(state, channel, (state.channels[channel] ?? []).filter((item) => item.id !== ts))
}

function withItems(state, channel, items) {
  return { ...state, channels: { ...state.channels, [channel]: items } }
}

/** A channel or a thread was shown until its newest message. */
function see(state, { channel, thread }) {
  const { read } = state
  const items = state.channels[channel] ?? []
  const last = items.findLast((item) => item.kind === 'message' && (!thread || item.thread_ts === thread))
  const [marks, key] = thread ? ['threads', thread] : ['channels', channel]
  if (!last || last.ts <= (read[marks][key] ?? read.base)) return state
  return { ...state, read: { ...read, [marks]: { ...read[marks], [key]: last.ts } } }
}

// ——— What is kept of a state ———

/**
 * What this person has read, from what the browser kept: {run, seq, base, people}. Where unread begins is the same for everybody, namely when this tab was opened:
 * who is looked in on later finds what happened in the meantime. What was kept of another run is about other messages.
 */
export function readOf(kept, { run, seq, user }) {
  if (kept?.run !== run) return { ...nothing.read, seq }
  return { ...nothing.read, seq: kept.seq, base: kept.base, ...kept.people[user] }
}

/** What to keep, from what was kept before. */
export function toKeep(kept, { workspace: { run, user }, read: { seq, base, channels, threads } }) {
  const people = kept?.run === run ? kept.people : {}
  return { run, seq, base, people: { ...people, [user]: { channels, threads } } }
}

// ——— What is asked of a state ———

export function find(state, channel, ts) {
  return (state.channels[channel] ?? []).find((item) => item.id === ts)
}

/** What the channel itself shows: no replies, but those that were broadcast. */
export function timeline(state, channel) {
  return (state.channels[channel] ?? []).filter((item) => !item.thread_ts || item.broadcast)
}

/** A thread's replies, oldest first, with what only this person sees among them. */
export function replies(state, channel, thread) {
  return (state.channels[channel] ?? []).filter((item) => item.thread_ts === thread)
}

/** What stands under a message that has replies, or null. */
export function summary(state, channel, ts) {
  const all = replies(state, channel, ts).filter((item) => item.kind === 'message' && !item.ephemeral)
  if (all.length === 0) return null
  const seen = state.read.threads[ts] ?? state.read.base
  return {
    count: all.length,
    last: all[all.length - 1].ts,
    users: [...new Set(all.map((item) => item.user))],
    fresh: all.filter((item) => item.ts > seen && item.user !== state.workspace.user).length,
  }
}

/** {count, mentions}: what of a channel this person has not seen yet. Replies count where they mention them. */
export function unread(state, channel) {
  const me = state.workspace.user
  const groups = myGroups(state.workspace)
  const dm = state.workspace.channels.find((c) => c.id === channel)?.dm
  const seen = state.read.channels[channel] ?? state.read.base
  const result = { count: 0, mentions: 0 }
  for (const item of state.channels[channel] ?? []) {
    if (item.kind !== 'message' || item.ephemeral || item.user === me || item.ts <= seen) continue
    const mentioned = dm || mentions(item, me, groups)
    if (!item.thread_ts || item.broadcast || mentioned) result.count++
    if (mentioned) result.mentions++
  }
  return result
}

/** The ts from which on a channel is unread. */
export function unreadSince(state, channel) {
  return state.read.channels[channel] ?? state.read.base
}

/** What a Home tab says first of all, in mrkdwn: an app has no other place beside a button there to answer a press. "" where it begins otherwise. */
export function topOf(view) {
  const [first] = view?.blocks ?? []
  return (first?.type === 'section' && first.text?.text) || ''
}

/** The groups that this person is in. */
export function myGroups(workspace) {
  return (workspace.groups ?? []).filter((group) => group.mine).map((group) => group.id)
}

/** Whether a message calls this person: by name, with a group of theirs, or with all of the channel. */
export function mentions(message, user, groups = []) {
  const words = message.text + JSON.stringify(message.blocks ?? [])
  const calls = [`@${user}`, ...groups.map((id) => `!subteam^${id}`), '!channel', '!here', '!everyone']
  return calls.some((call) => words.includes(`<${call}>`) || words.includes(`<${call}|`))
}

/** Seconds within which messages of one author stand under one name. */
const together = 300

/** Whether a message stands under the name that is above the one before it. */
export function belongs(before, item) {
  const plain = (one) => one?.kind === 'message' && !one.ephemeral && !one.broadcast
  return plain(before) && plain(item) && before.user === item.user && Number(item.ts) - Number(before.ts) < together
}

/** The time of an event, in the form of a message's ts, so that the two can be put in order. */
export function tsOf(time) {
  const seconds = Math.floor(Date.parse(time) / 1000)
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? ''
  return `${seconds}.${fraction.slice(0, 6).padEnd(6, '0')}`
}

/** The moment of a ts. */
export function dateOf(ts) {
  return new Date(Number(ts) * 1000)
}
