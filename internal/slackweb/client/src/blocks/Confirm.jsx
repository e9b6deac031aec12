import { createContext, useContext, useEffect, useId, useMemo, useRef, useState } from 'react'
import { drawText, labelOf, Workspace } from './Rich.jsx'

const Asking = createContext({})

/**
 * {confirm, refused} for a control below [Confirming]: confirm(question, control, onAgree) asks the person with a dialog; refused(title, reason) says what became of something whose control is gone.
 */
export const useConfirm = () => useContext(Asking)

/**
 * Has the one dialog of the page, in which a person is asked before something is done. It stands here and not with its control, because that may be changed or gone while the
 * person reads: what they were asked, and what they agree to, stays. place is where the person is: who goes elsewhere has left the question.
 */
export function Confirming({ context, place, children }) {
  const [asked, setAsked] = useState(null)
  const asking = useMemo(() => askingAt(setAsked), [place])
  useEffect(() => asking.stay(), [asking])
  const answer = (agreed) => {
    setAsked(null)
    asked.back()
    if (agreed) asked.onAgree()
  }
  return (
    <Asking value={asking}>
      {children}
      {asked && (
        <Workspace value={context}>
          <Dialog question={asked.question} answer={answer} />
        </Workspace>
      )}
    </Asking>
  )
}

/** What asks at one place, and is silent once the person has left that. */
function askingAt(setAsked) {
  let here = false
  const ask = (asked) => here && setAsked(asked)
  return {
    confirm: (question, control, onAgree) => ask({ question, onAgree, back: wayBack(control) }),
    refused: (title, reason) => ask({ question: refusal(title, reason), back: wayBack(document.activeElement) }),
    stay() {
      here = true
      return () => {
        here = false
        setAsked(null)
      }
    },
  }
}

/** A question that is none: it only has to be read. */
function refusal(title, reason) {
  const says = (text) => ({ type: 'plain_text', text })
  return { title: says(title), text: says(reason), deny: says('Close') }
}

/** Gives the focus back to a control: to itself, else to what took its place in its message or view, else to that. */
function wayBack(control) {
  const around = control.closest('[tabindex]:not(button)')
  const { action, block } = control.dataset
  return () => {
    const alike = [...(around?.querySelectorAll('[data-action]') ?? [])].find(({ dataset }) => dataset.action === action && dataset.block === block)
    const target = [control, alike, around].find((element) => element?.isConnected) ?? document.querySelector('main [data-first]')
    target?.focus({ preventScroll: true })
  }
}

/** Whether a question can be asked: throws where a part of it is missing. */
export function checkQuestion(question, now) {
  for (const part of [question.title, question.confirm, question.deny]) labelOf(part)
  drawText(question.text, now)
}

/** The dialog itself. Escape and a press beside it deny. */
function Dialog({ question, answer }) {
  const { now } = useContext(Workspace)
  const dialog = useRef(null)
  const agreed = useRef(false)
  const id = useId()
  const danger = question.style === 'danger'
  useEffect(() => {
    dialog.current.showModal()
  }, [])
  const close = (agree) => {
    agreed.current = agree
    dialog.current.close()
  }
  return (
    <dialog
      ref={dialog}
      className="bk-dialog"
      aria-labelledby={`${id}-title`}
      aria-describedby={`${id}-text`}
      onClose={() => answer(agreed.current)}
      onClick={(event) => event.target === dialog.current && close(false)}
    >
      <div className="bk-dialog-inside">
        <h2 id={`${id}-title`}>{labelOf(question.title)}</h2>
        <div id={`${id}-text`}>{drawText(question.text, now)}</div>
        <div className="bk-dialog-buttons">
          <button type="button" className="bk-button" autoFocus={danger || !question.confirm} onClick={() => close(false)}>
            {labelOf(question.deny)}
          </button>
          {question.confirm && (
            <button type="button" className={`bk-button ${danger ? 'bk-danger' : 'bk-primary'}`} autoFocus={!danger} onClick={() => close(true)}>
              {labelOf(question.confirm)}
            </button>
          )}
        </div>
      </div>
    </dialog>
  )
}
