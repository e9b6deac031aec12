import { Avatar } from './Avatar.jsx'
import { Icon } from './Icon.jsx'
import { useReturnFocus } from './hooks.js'
import { unread } from './state.js'
import { plural } from './time.js'
import { useTheme } from './theme.js'

/** Who one is, and where one can go. */
export function Sidebar({ state, place, go, person, become, drawer, close }) {
  const { workspace } = state
  const direct = workspace.channels.find((c) => c.dm)
  const [theme, toggleTheme] = useTheme()
  useReturnFocus(drawer)
  return (
    <header className={`sidebar ${drawer ? 'drawer' : ''}`} data-region>
      <div className="team">
        <span className="team-name">{workspace.team.name}</span>
        {drawer && (
          <button className="quiet" aria-label="Close the list of channels" autoFocus onClick={close}>
            <Icon name="close" />
          </button>
        )}
      </div>
      <People {...{ workspace, become }} chosen={person || workspace.user} />
      <nav aria-label="Channels and apps">
        <span className="label" id="channels">
          Channels
        </span>
        <ul aria-labelledby="channels">
          {workspace.channels
            .filter((c) => !c.dm)
            .map((c) => (
              <Place key={c.id} news={unread(state, c.id)} current={place === c.id} first={place === c.id} onClick={() => go({ place: c.id })}>
                <span className="sign">#</span>
                {c.name}
              </Place>
            ))}
        </ul>
        <span className="label" id="apps">
          Apps
        </span>
        <ul aria-labelledby="apps">
          <AppPlace {...{ state, workspace, direct, place, go }} />
        </ul>
      </nav>
      <button className="theme" onClick={toggleTheme}>
        <Icon name={theme === 'dark' ? 'sun' : 'moon'} size={16} />
        {theme === 'dark' ? 'Light colours' : 'Dark colours'}
      </button>
    </header>
  )
}

/** The people one can be. */
function People({ workspace, chosen, become }) {
  const people = workspace.people.map((id) => workspace.users.find((u) => u.id === id)).filter(Boolean)
  return (
    <fieldset className="people">
      <legend className="label">You are</legend>
      {people.map((user) => (
        <label key={user.id} className={user.id === chosen ? 'chosen' : ''}>
          <input type="radio" name="person" checked={user.id === chosen} onChange={() => become(user.id)} />
          <Avatar user={user} size="small" />
          <span>
            <span className="name">{user.name}</span>
            <span className="role">{user.title}</span>
          </span>
        </label>
      ))}
    </fieldset>
  )
}

/** The app: its messages where there are new ones, else its Home tab. */
function AppPlace({ state, workspace, direct, place, go }) {
  const news = direct ? unread(state, direct.id) : { count: 0, mentions: 0 }
  const target = (news.count > 0 || !workspace.app.home) && direct ? direct.id : 'home'
  const current = place === 'home' || place === direct?.id
  return (
    <Place news={news} current={current} first={current} onClick={() => go({ place: target })}>
      <Avatar user={{ bot: true }} size="tiny" />
      {workspace.app.name}
    </Place>
  )
}

function Place({ news, current, first, onClick, children }) {
  return (
    <li>
      <button
        className={`place ${news.count ? 'unread' : ''}`}
        aria-current={current ? 'page' : undefined}
        data-first={first || undefined}
        onClick={onClick}
      >
        <span className="place-name">{children}</span>
        {news.mentions > 0 ? (
          <span className="badge">
            {news.mentions}
            <span className="unseen"> {news.mentions === 1 ? 'mention' : 'mentions'}, unread</span>
          </span>
        ) : (
          news.count > 0 && <span className="unseen">{plural(news.count, 'unread message')}</span>
        )}
      </button>
    </li>
  )
}
