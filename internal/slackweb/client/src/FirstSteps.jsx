import { Icon } from './Icon.jsx'
import { literal, wordsOf } from './commands.js'
import { summary, timeline } from './state.js'

/** What a newcomer can do next, one step at a time, until they know their way or don't want to be told. */
export function FirstSteps({ state, channel, steps, openThread, offer, panel, fill, go }) {
  const { workspace } = state
  const all = stepsOf({ state, channel, openThread, offer, panel, fill, go })
  const next = all.findIndex((step) => !steps.taken.includes(step.id))
  if (steps.taken.includes('enough') || next < 0 || (next < all.findIndex((step) => step.id === 'home') && !fill)) return null
  const step = all[next]
  return (
    <section className="first-steps" aria-label="First steps">
      <div>
        {next === 0 && (
          <p className="about">
            <strong>{workspace.app.name}</strong> {uncapitalised(workspace.app.description)}. This workspace is simulated, on this machine alone: try everything.
          </p>
        )}
        <p className="step">
          <span>
            <span className="count">
              {next + 1} of {all.length}
            </span>
            {step.words}
          </span>
          <span className="step-actions">{step.actions}</span>
        </p>
      </div>
      <button className="quiet" aria-label="Hide the first steps" onClick={() => steps.done('enough')}>
        <Icon name="close" size={16} />
      </button>
    </section>
  )
}

function stepsOf({ state, channel, openThread, offer, panel, fill, go }) {
  const { workspace } = state
  const all = []
  const examples = examplesOf(workspace.commands[0]).slice(0, 4) // a hint begins with what is used most
  if (examples.length) all.push({ id: 'command', words: 'Try this:', actions: <Lines lines={examples} fill={fill} /> })
  const root = channel && timeline(state, channel.id).findLast((item) => item.kind === 'message' && summary(state, channel.id, item.id))
  all.push(
    root
      ? {
          id: 'thread',
          words: 'What happens is told in the thread under its message.',
          actions: (
            <button className="chip" onClick={() => openThread(root.id)}>
              Open the thread
            </button>
          ),
        }
      : { id: 'thread', words: 'And now:', actions: <Lines lines={examples.filter((line) => !wasTyped(state, line))} fill={fill} /> },
  )
  if (workspace.app.home) {
    all.push({
      id: 'home',
      words: 'The app has a page of its own.',
      actions: (
        <button className="chip" onClick={() => go({ place: 'home' })}>
          Open its Home tab
        </button>
      ),
    })
  }
  if (panel?.sections.some((section) => section.switches.length)) {
    all.push({
      id: 'panel',
      words: `Now pull a plug: “${panel.title}” has the switches.`,
      actions: (
        <button className="chip" onClick={offer.showPanel}>
          Show them
        </button>
      ),
    })
  }
  const other = workspace.users.find((u) => workspace.people.includes(u.id) && u.id !== workspace.user)
  if (other) {
    all.push({
      id: 'person',
      words: `Be somebody else: ${other.name}${other.title ? ` (${uncapitalised(other.title)})` : ''}.`,
      actions: (
        <button className="chip" onClick={() => offer.become(other.id)}>
          Become {other.name}
        </button>
      ),
    })
  }
  return all
}

/** The lines to try that a command's usage hint makes. */
function examplesOf(command) {
  if (!command) return []
  const words = wordsOf(command.usage_hint).map(literal).filter(Boolean)
  return words.length ? words.map((word) => `${command.command} ${word}`) : [command.command]
}

const wasTyped = (state, line) =>
  Object.values(state.channels).some((items) => items.some((item) => item.kind === 'command' && item.text.startsWith(line)))

/** Lines that go into the message box when they are pressed. */
function Lines({ lines, fill }) {
  return lines.map((line) => (
    <button key={line} className="chip code" onClick={() => fill(line)}>
      {line}
    </button>
  ))
}

const uncapitalised = (text = '') => text.slice(0, 1).toLowerCase() + text.slice(1).replace(/\.$/, '')
