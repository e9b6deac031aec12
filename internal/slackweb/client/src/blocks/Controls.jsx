import { useContext, useEffect, useId, useRef, useState } from 'react'
import { isPermalink, safeURL } from './links.js'
import { unescape } from './mrkdwn.js'
import { drawText, Link, Workspace } from './Rich.jsx'

/** What a label says, without marks. */
export const labelOf = (object) => unescape(String(object.text))

/** Whether a control of this type is drawn here. */
export const isControl = (element) => ['button', 'static_select', 'overflow'].includes(element?.type)

/** A button or a menu of a block. What a person does with it goes to onPress, and what comes of that is shown beside it. */
export function Control({ element, block, onPress }) {
  const press = usePress(onPress)
  const send = (value) => press.send({ action_id: element.action_id ?? '', block_id: block.block_id ?? '', value })
  const Kind = element.type === 'button' ? Button : Menu
  return (
    <>
      <Kind element={element} busy={press.busy} send={send} />
      {press.error && (
        <p className="bk-error" role="alert">
          <Warning /> {press.error}
        </p>
      )}
    </>
  )
}

/** One press at a time: whether one is under way, and what went wrong with the last. */
function usePress(onPress) {
  const [state, setState] = useState({ busy: false, error: '' })
  const under = useRef(false)
  const send = async (press) => {
    if (under.current) return
    under.current = true
    setState({ busy: true, error: '' })
    let error = ''
    try {
      await onPress?.(press)
    } catch (failure) {
      error = failure?.message || 'That did not reach the app.'
    }
    under.current = false
    setState({ busy: false, error })
  }
  return { ...state, send }
}

function Button({ element, busy, send }) {
  const { onPermalink } = useContext(Workspace)
  // The one that was pressed: the message may change while it is asked about.
  const [asked, setAsked] = useState(null)
  const url = safeURL(element.url)
  const props = {
    className: ['bk-button', ['primary', 'danger'].includes(element.style) && `bk-${element.style}`].filter(Boolean).join(' '),
    'aria-busy': busy || undefined,
    'aria-label': element.accessibility_label || undefined,
    'data-action': element.action_id,
  }
  const told = () => send(element.value ?? '')
  if (url && !element.confirm) {
    return (
      <Link href={url} onClick={told} {...props}>
        {labelOf(element.text)}
      </Link>
    )
  }
  const agreed = () => {
    setAsked(null)
    const followed = safeURL(asked.url)
    if (followed && onPermalink && isPermalink(followed)) onPermalink(followed)
    else if (followed) window.open(followed, '_blank', 'noreferrer,noopener')
    asked.send(asked.value ?? '')
  }
  return (
    <>
      <button
        type="button"
        {...props}
        aria-disabled={busy || undefined}
        aria-haspopup={element.confirm ? 'dialog' : undefined}
        onClick={() => (busy ? undefined : element.confirm ? setAsked({ ...element, send }) : told())}
      >
        {busy && <span className="bk-spinner" aria-hidden="true" />}
        {labelOf(element.text)}
      </button>
      {asked && <Confirm asked={asked.confirm} onAgree={agreed} onDeny={() => setAsked(null)} />}
    </>
  )
}

/** The dialog before an action. Escape and a press beside it deny. */
function Confirm({ asked, onAgree, onDeny }) {
  const { now } = useContext(Workspace)
  const dialog = useRef(null)
  const agreed = useRef(false)
  const id = useId()
  const danger = asked.style === 'danger'
  useEffect(() => {
    dialog.current.showModal()
  }, [])
  const close = (agree) => {
    agreed.current = agree
    // Closing gives the focus back to the button, so it comes before the dialog is taken away.
    dialog.current.close()
  }
  return (
    <dialog
      ref={dialog}
      className="bk-dialog"
      aria-labelledby={`${id}-title`}
      aria-describedby={`${id}-text`}
      onClose={() => (agreed.current ? onAgree() : onDeny())}
      onClick={(event) => event.target === dialog.current && close(false)}
    >
      <div className="bk-dialog-inside">
        <h2 id={`${id}-title`}>{labelOf(asked.title)}</h2>
        <div id={`${id}-text`}>{drawText(asked.text, now)}</div>
        <div className="bk-dialog-buttons">
          <button type="button" className="bk-button" autoFocus={danger} onClick={() => close(false)}>
            {labelOf(asked.deny)}
          </button>
          <button type="button" className={`bk-button ${danger ? 'bk-danger' : 'bk-primary'}`} autoFocus={!danger} onClick={() => close(true)}>
            {labelOf(asked.confirm)}
          </button>
        </div>
      </div>
    </dialog>
  )
}

/** A static_select or an overflow menu, as the browser's own menu. */
function Menu({ element, busy, send }) {
  const groups = element.option_groups ?? [{ options: element.options }]
  const placeholder = element.placeholder ? labelOf(element.placeholder) : element.type === 'overflow' ? 'More actions' : 'Choose'
  const [asked, setAsked] = useState(null)
  const choose = (value) => (element.confirm ? setAsked({ confirm: element.confirm, value }) : send(value))
  return (
    <>
      <select
        className="bk-button bk-menu"
        aria-label={placeholder}
        aria-busy={busy || undefined}
        data-action={element.action_id}
        value={element.initial_option?.value ?? ''}
        onChange={(event) => !busy && choose(event.target.value)}
      >
        <option value="" disabled hidden>
          {element.type === 'overflow' ? '⋯' : placeholder}
        </option>
        {groups.map((group, i) => (group.label ? <optgroup key={i} label={labelOf(group.label)} children={options(group)} /> : options(group)))}
      </select>
      {asked && <Confirm asked={asked.confirm} onAgree={() => (setAsked(null), send(asked.value))} onDeny={() => setAsked(null)} />}
    </>
  )
}

const options = (group) =>
  group.options.map((option) => (
    <option key={option.value} value={option.value}>
      {labelOf(option.text)}
    </option>
  ))

const Warning = () => (
  <svg className="bk-warning" viewBox="0 0 16 16" width="14" height="14" role="img" aria-label="Warning">
    <path d="M8 1.5 15.2 14H.8z" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinejoin="round" />
    <path d="M8 6v4M8 11.6v.9" stroke="currentColor" strokeWidth="1.6" />
  </svg>
)
