// Makes the README's pictures: the card, the thread, the Home tab, the history. It plays a night in the demo and looks at it.
//
//   IMPORTBOT=… node pictures.mjs [FOLDER]     (docs/images of this checkout where none is given)
import {mkdir} from 'node:fs/promises'
import {fileURLToPath} from 'node:url'

import {Client} from './client.mjs'
import {openPage, startBrowser, startDemo} from './stage.mjs'

const folder = process.argv[2] ?? fileURLToPath(new URL('../../../../docs/images', import.meta.url))
await mkdir(folder, {recursive: true})

const demo = await startDemo()
const browser = await startBrowser()
try {
  const {page, faults} = await openPage(browser, demo.address, {width: 1280, height: 800, deviceScaleFactor: 1.5, timezoneId: 'UTC'})
  const client = new Client(page)
  const picture = async (name, of = page) => {
    await page.mouse.move(640, 4) // over nothing
    await of.screenshot({path: `${folder}/${name}.png`, animations: 'disabled'})
  }
  const hide = page.getByRole('button', {name: 'Hide the first steps'})

  // What the bot says by itself at the beginning is there, and read.
  for (const channel of [/lab-imports/, /bigfix-imports/]) {
    await client.go(channel)
    await client.reads('The week of data imports')
  }

  // The card, in the middle of an import, with all that is around it.
  await client.type('/import complete')
  const card = page.locator(`[data-ts="${await (await client.reads('Complete import on prod · running')).getAttribute('data-ts')}"]`).first()
  await card.getByText(/running, (5[5-9]|6\d)\s%/).waitFor()
  await picture('card')

  // Its thread, when it is over.
  await client.reads('Complete import on prod succeeded after')
  await card.getByRole('button', {name: /repl/}).first().click()
  await client.thread.getByText('succeeded after').first().waitFor()
  await picture('thread')
  await page.keyboard.press('Escape')

  // What is left needs no panel beside it, and no guide.
  if (await hide.count()) await hide.click()
  await page.getByRole('button', {name: 'Behind the scenes'}).first().click()
  await client.type('/import history')
  const history = await client.reads('imports')
  await history.getByRole('img').first().waitFor()
  await page.setViewportSize({width: 1100, height: 1100}) // all of it at once
  await picture('history', history)
  await page.setViewportSize({width: 1280, height: 800})
  await client.go(/Importbot/)
  const home = page.getByRole('region', {name: 'Home of Importbot'})
  await home.getByText('Last success').first().waitFor()
  await picture('home')
  Client.sound(faults)
} finally {
  await browser.close()
  await demo.stop()
}
