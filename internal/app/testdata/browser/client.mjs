// A person before the page: what they do and see, by the names and roles that a screen reader would find.
import {expect} from './expect.mjs'

/** How long an import of the demo may take to be told, and then some: the machine may be busy. */
export const patience = 60_000

export class Client {
  constructor(page) {
    this.page = page
    page.setDefaultTimeout(patience)
  }

  box(name = /^Message /) {
    return this.page.getByRole('combobox', {name})
  }

  /** Types a line into the message box, and sends it. */
  async type(line) {
    await this.box().fill(line)
    await this.page.keyboard.press('Escape') // whatever is offered to complete it
    await this.page.keyboard.press('Enter')
  }

  async become(name) {
    const radio = this.page.getByRole('group', {name: 'You are'}).getByRole('radio', {name: new RegExp(`^${name}\\b`)})
    await radio.locator('..').click() // its label: the radio itself is not drawn
    await this.page.locator('.people .chosen', {hasText: name}).waitFor()
    await this.page.locator('.stage:not([aria-busy])').waitFor() // they are, and not only chosen
  }

  go(name) {
    return this.page.getByRole('navigation', {name: 'Channels and apps'}).getByRole('button', {name}).click()
  }

  place(name) {
    return this.page.getByRole('navigation', {name: 'Channels and apps'}).getByRole('button', {name})
  }

  /** Waits until what has the focus has these attributes: a dialog that closes is out of sight before it gives the focus back. */
  focused(attributes) {
    const selector = Object.entries(attributes).map(([name, value]) => `[${name}="${value}"]`).join('')
    return this.page.locator(`:focus${selector}`).waitFor({state: 'attached', timeout: 10_000})
  }

  /** The messages of the channel in front, and of the thread beside it. */
  get messages() {
    return this.page.getByRole('region', {name: /^Messages in (?!the thread)/}).locator('[data-message]')
  }

  /** The thread beside its channel, or in its place where there is no room for both. */
  get thread() {
    return this.page.getByRole('complementary', {name: 'Thread'}).or(this.page.getByRole('main', {name: 'Thread'}))
  }

  /** The newest message that says so. */
  message(words) {
    return this.messages.filter({hasText: words}).last()
  }

  /** Waits until somebody reads such a message. */
  async reads(words) {
    await this.message(words).waitFor()
    return this.message(words)
  }

  /** The message that says so now, whatever it says later: a card changes while one looks at it. */
  async card(words) {
    const ts = await (await this.reads(words)).getAttribute('data-ts')
    return Object.assign(this.page.getByRole('region', {name: /^Messages in (?!the thread)/}).locator(`[data-ts="${ts}"]`), {ts})
  }

  button(message, name) {
    return message.getByRole('button', {name})
  }

  get panel() {
    return this.page.getByRole('complementary', {name: 'Behind the scenes'})
  }

  /** Uses a switch of the panel. */
  flip(name) {
    return this.panel.getByRole('button', {name, exact: true}).or(this.panel.getByRole('switch', {name, exact: true})).click()
  }

  /** Fails where something happened that never may; see openPage. */
  static sound(faults) {
    expect(faults, 'faults of the page').toEqual([])
  }
}
