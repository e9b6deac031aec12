import { useState } from 'react'
import { Icon } from './Icon.jsx'
import { post } from './api.js'
import { useReturnFocus } from './hooks.js'
import { moment, timeOfDay } from './time.js'

/** What is behind the workspace: how it stands, and switches. It is drawn from data alone. */
export function Panel({ panel, now, drawer, close, onPress }) {
  const { told, pointed, use, point } = useSwitches(onPress)
  useReturnFocus(drawer)
  return (
    <aside className={`panel ${drawer ? 'drawer' : ''}`} aria-label={panel?.title ?? 'Panel'} data-region tabIndex={-1}>
      <header className="bar">
        <div className="bar-title">
          <h2>{panel?.title ?? 'Panel'}</h2>
        </div>
        <button className="quiet" aria-label={`Close ${panel?.title ?? 'the panel'}`} autoFocus={drawer} onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      <div className="scroll" tabIndex={0} role="region" aria-label={`${panel?.title ?? 'Panel'}: state and switches`}>
        {panel?.sections.map((section) => (
          <Section key={section.id} {...{ section, now, use, point }} />
        ))}
        {panel?.log.length > 0 && <Log log={panel.log} now={now} />}
      </div>
      {panel && <Told told={newest(told, panel.log)} hint={hintOf(panel, pointed)} />}
    </aside>
  )
}

/** What is done with the switches: which one the viewer is at, and what the last one did, until they are at another. */
function useSwitches(onPress) {
  const [told, setTold] = useState(null)
  const [pointed, setPointed] = useState(null)
  const point = (id) => {
    setPointed(id)
    if (id) setTold((before) => (before?.id === id ? before : null))
  }
  const use = async (id) => {
    try {
      const { told: words } = await post('/api/panel', { switch: id })
      setTold({ id, words, at: new Date() })
      onPress()
    } catch (err) {
      setTold({ id, words: err.message, at: new Date(), bad: true })
    }
  }
  return { told, pointed, use, point }
}

/** What was told of a switch, or, where more has happened since, the last of that. */
export function newest(told, log) {
  const at = told ? log.findLastIndex(({ text }) => text === told.words) : -1
  if (at < 0 || at === log.length - 1) return told
  const { text, time } = log.at(-1)
  return { words: text, at: new Date(time) }
}

function hintOf(panel, id) {
  const one = panel.sections.flatMap((section) => section.switches).find((s) => s.id === id)
  return one?.disabled || one?.hint
}

/** The panel's last line: what happens now, or what the switch would do that the viewer is at. A screen reader has that of the switch itself. */
function Told({ told, hint }) {
  return (
    <footer className="panel-foot">
      <p className={told?.bad ? 'told bad' : 'told'} role="status">
        {told && <time dateTime={told.at.toISOString()}>{timeOfDay(told.at)}</time>}
        {told?.words}
      </p>
      {!told && (
        <p className="hint" aria-hidden="true">
          {hint || 'Point at a switch to read what it does.'}
        </p>
      )}
    </footer>
  )
}

function Section({ section, now, use, point }) {
  return (
    <section className="section" aria-labelledby={`panel-${section.id}`}>
      <h3 id={`panel-${section.id}`}>
        <span className={`tone ${section.tone}`} aria-hidden="true" />
        {section.title}
      </h3>
      <p className="summary">{section.summary}</p>
      {section.progress != null && (
        <div className="progress" role="progressbar" aria-label={section.title} aria-valuenow={section.progress} aria-valuemin={0} aria-valuemax={100}>
          <span style={{ width: `${section.progress}%` }} />
        </div>
      )}
      {section.facts.length > 0 && (
        <dl className="facts">
          {section.facts.map((fact) => (
            <div key={fact.label}>
              <dt>{fact.label}</dt>
              <dd>{fact.time ? moment(new Date(fact.time), now) : fact.value}</dd>
            </div>
          ))}
        </dl>
      )}
      {section.switches.length > 0 && (
        <ul className="switches">
          {section.switches.map((one) => (
            <Switch key={one.id} {...{ one, use, point }} />
          ))}
        </ul>
      )}
    </section>
  )
}

/** Something to do, or to have on or off. What can't be used now stays reachable, and says why. */
function Switch({ one, use, point }) {
  const toggles = one.on === true || one.on === false
  const why = `why-${one.id}`
  return (
    <li
      className={one.disabled ? 'switch disabled' : 'switch'}
      onPointerEnter={() => point(one.id)}
      onPointerLeave={() => point(null)}
      onFocus={() => point(one.id)}
      onBlur={() => point(null)}
    >
      <button
        role={toggles ? 'switch' : undefined}
        aria-checked={toggles ? one.on : undefined}
        aria-disabled={one.disabled ? true : undefined}
        aria-describedby={why}
        onClick={() => !one.disabled && use(one.id)}
      >
        {one.label}
        {toggles && <span className="track" aria-hidden="true" />}
      </button>
      <p className="hint" id={why}>
        {one.disabled || one.hint}
      </p>
    </li>
  )
}

/** What was done here, newest first. */
function Log({ log, now }) {
  return (
    <section className="section" aria-labelledby="panel-log">
      <h3 id="panel-log">What was done here</h3>
      <ol className="log">
        {log.toReversed().map((line) => (
          <li key={line.seq}>
            <time dateTime={line.time}>{moment(new Date(line.time), now)}</time>
            <span>{line.text}</span>
          </li>
        ))}
      </ol>
    </section>
  )
}
