const tints = 6

/** A person's initial, or an app's sign, in a colour of their own. */
export function Avatar({ user, size }) {
  if (user?.bot) {
    return (
      <span className={`avatar bot ${size ?? ''}`} aria-hidden="true">
        <svg viewBox="0 0 24 24" focusable="false">
          <path d="M12 3.5v3M6.5 6.5h11a2.5 2.5 0 0 1 2.5 2.5v7a2.5 2.5 0 0 1-2.5 2.5h-11A2.5 2.5 0 0 1 4 16V9a2.5 2.5 0 0 1 2.5-2.5zM9 11.2v2M15 11.2v2" />
        </svg>
      </span>
    )
  }
  const name = user?.name ?? '?'
  return (
    <span className={`avatar tint${tintOf(user?.id ?? name)} ${size ?? ''}`} aria-hidden="true">
      {name.slice(0, 1).toUpperCase()}
    </span>
  )
}

function tintOf(text) {
  let sum = 0
  for (const letter of text) sum = (sum * 31 + letter.codePointAt(0)) % 997
  return sum % tints
}
