import { describe, expect, it } from 'vitest'
import { commandOf, complete, literal, wordsOf } from './commands.js'

const commands = [
  { command: '/deploy', description: 'Ship it', usage_hint: 'status | start [NAME] | start now | undo NAME' },
  { command: '/deplore', description: 'Complain', usage_hint: '' },
]

const labels = (typed) => complete(typed, commands)?.options.map((option) => option.label)

describe('complete', () => {
  it.each([
    ['', undefined],
    ['hello', undefined],
    [' /deploy', undefined],
    ['/', ['/deploy', '/deplore']],
    ['/deplo', ['/deploy', '/deplore']],
    ['/x', undefined],
    ['/deploy ', ['/deploy status', '/deploy start', '/deploy start now', '/deploy undo']],
    ['/deploy st', ['/deploy status', '/deploy start', '/deploy start now']],
    ['/deploy start', ['/deploy start', '/deploy start now']],
    ['/deploy start n', ['/deploy start now']],
    ['/deploy start now', undefined],
    ['/deploy undo prod', undefined],
    ['/deplore ', undefined],
    ['/other st', undefined],
    ['/deploy\n', undefined],
  ])('%j offers %j', (typed, want) => {
    expect(labels(typed)).toEqual(want)
  })

  it.each([
    ['/', false],
    ['/dep', true],
    ['/deploy', false],
    ['/deploy ', false],
    ['/deploy sta', true],
    ['/deploy start', false],
  ])('chooses the first beforehand at %j: %s', (typed, want) => {
    expect(complete(typed, commands).preselect).toBe(want)
  })

  it('leaves what follows to be typed', () => {
    expect(complete('/deploy u', commands).options).toMatchObject([{ text: '/deploy undo ', hint: 'NAME' }])
  })
})

it('reads usage hints', () => {
  expect(wordsOf('status | start [NAME] |')).toEqual(['status', 'start [NAME]'])
  expect(wordsOf(undefined)).toEqual([])
  expect(literal('mute SERVER 2h')).toBe('mute')
  expect(literal('[NAME]')).toBe('')
})

it('finds the command of a line', () => {
  expect(commandOf('/deploy start now')).toBe('/deploy')
  expect(commandOf('see /deploy')).toBe('')
  expect(commandOf('/ no')).toBe('')
})
