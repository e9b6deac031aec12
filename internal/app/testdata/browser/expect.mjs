// What Playwright's own test runner has as expect, for values that don't wait.
import assert from 'node:assert/strict'

export function expect(got, what) {
  return {
    toEqual: want => assert.deepEqual(got, want, what && `${what}: ${JSON.stringify(got)}, want ${JSON.stringify(want)}`),
    toBe: want => assert.equal(got, want, what && `${what}: ${got}, want ${want}`),
  }
}
