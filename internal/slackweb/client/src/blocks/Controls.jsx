import { useContext, useEffect, useRef, useState } from 'react'
import { useConfirm } from './Confirm.jsx'
import { isPermalink, safeURL } from './links.js'
import { labelOf, Link, Workspace } from './Rich.jsx'

/** Whether a control of this type is drawn here. */
export const isControl = (element) => ['button', 'static_select', 'overflow'].includes(element?.type)

/** A button or a menu of a block. What a person does with it goes to onPress, and what comes of that is shown beside it. */
export function Control({ element, block, onPress }) {
  const { confirm, refused } = useConfirm()
  const press = usePress(onPress, (reason) => refused(element.confirm ? labelOf(element.confirm.title) : element.text ? labelOf(element.text) : menuName(element), reason))
  const named = { action_id: element.action_id ?? '', block_id: block.block_id ?? '' }
  // What is done is what the person was asked about, whatever the app has made of it while they were.
  const use = (control, value, followed) => {
    const go = () => {
      followed?.()
      press.send({ ...named, value })
    }
    if (press.busy) return
    if (element.confirm) confirm(element.confirm, control, go)
    else go()
  }
  const Kind = element.type === 'button' ? Button : Menu
  return (
    <>
      <Kind element={element} busy={press.busy} use={use} marks={{ 'data-action': named.action_id, 'data-block': block.block_id, 'aria-busy': press.busy || undefined }} />
      {press.error && (
        <p className="bk-error" role="alert">
          <Warning /> {press.error}
        </p>
      )}
    </>
  )
}

/** One press at a time: whether one is under way, and what went wrong with the last. Where the control is gone by then, onRefused says that. */
function usePress(onPress, onRefused) {
  const [state, setState] = useState({ busy: false, error: '' })
  const under = useRef(false)
  const there = useRef(false)
  useEffect(() => {
    there.current = true
    return () => (there.current = false)
  }, [])
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
    if (error && !there.current) onRefused(error)
  }
  return { ...state, send }
}

function Button({ element, busy, use, marks }) {
  const { onPermalink } = useContext(Workspace)
  const url = safeURL(element.url)
  const props = {
    className: ['bk-button', ['primary', 'danger'].includes(element.style) && `bk-${element.style}`].filter(Boolean).join(' '),
    'aria-label': element.accessibility_label || undefined,
    ...marks,
  }
  const value = element.value ?? ''
  if (url && !element.confirm) {
    return (
      <Link href={url} onClick={(event) => use(event.currentTarget, value)} {...props}>
        {labelOf(element.text)}
      </Link>
    )
  }
  const followed = () => {
    if (url && onPermalink && isPermalink(url)) onPermalink(url)
    else if (url) window.open(url, '_blank', 'noreferrer,noopener')
  }
  return (
    <button type="button" {...props} aria-disabled={busy || undefined} aria-haspopup={element.confirm ? 'dialog' : undefined} onClick={(event) => use(event.currentTarget, value, followed)}>
      {busy && <span className="bk-spinner" aria-hidden="true" />}
      {labelOf(element.text)}
    </button>
  )
}

/** A static_select or an overflow menu, as the browser's own menu. */
function Menu({ element, use, marks }) {
  const groups = element.option_groups ?? [{ options: element.options }]
  return (
    <select className="bk-button bk-menu" aria-label={menuName(element)} {...marks} value={element.initial_option?.value ?? ''} onChange={(event) => use(event.currentTarget, event.target.value)}>
      <option value="" disabled hidden>
        {element.type === 'overflow' ? '⋯' : menuName(element)}
      </option>
      {groups.map((group, i) => (group.label ? <optgroup key={i} label={labelOf(group.label)} children={options(group)} /> : options(group)))}
    </select>
  )
}

const menuName = (element) => (element.placeholder ? labelOf(element.placeholder) : element.type === 'overflow' ? 'More actions' : 'Choose')

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
