// For tests: what somebody might try to have drawn, and how it is known that nothing came of it.

export const hostile = [
  '<script>alert(1)</script>',
  '&lt;script&gt;alert(1)&lt;/script&gt;',
  '&amp;lt;img src=x onerror=alert(1)&amp;gt;',
  '<img src=x onerror=alert(1)>',
  '![x](http://evil.example/x.png)',
  '[x](javascript:alert(1))',
  '# heading\n1. one\n- two\n---\n    indented\n[a]: http://evil.example',
  '"><svg onload=alert(1)>',
  '<https://example.com/"onmouseover="alert(1)|x>',
  '<@U0ANA"onclick="alert(1)>',
  '<#C0JOBS|<img src=x>>',
  'x'.repeat(3000),
  'a \u202egnp.exe b',
  '*'.repeat(3000),
  '*_~`<'.repeat(500),
  '\ue000\ue000 :tada:',
  '\u0000\ud800',
]

/** The addresses that a markup links to. */
export const hrefs = (markup) => [...markup.matchAll(/href="([^"]*)"/g)].map(([, href]) => href)

/** What of a markup could do something: elements that load or run, handlers, addresses that are none to follow. */
export function alive(markup) {
  const elements = markup.match(/<(script|img|iframe|object|embed|link|style|form|base)\b/gi) ?? []
  const handlers = markup.replace(/"[^"]*"/g, '""').match(/<[^>]*\son[a-z]+=/gi) ?? []
  const addresses = hrefs(markup).filter((href) => !/^(https?|mailto):/.test(href) && !/^(#|\/)?[^:]*$/.test(href))
  return [...elements, ...handlers, ...addresses]
}
