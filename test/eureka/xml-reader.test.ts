import fc from 'fast-check'
import t from 'tap'
import { readXml } from '../../server/eureka/form/xml-reader.ts'
import { xmlEscaped } from '../../server/eureka/form/xml-text.ts'

t.test('elements, attributes and text become what JSON has', async (t) => {
  for (const [text, value] of [
    ['<a/>', { a: '' }], ['<a></a>', { a: '' }], ['<a> x </a>', { a: 'x' }], ['<a><b>1</b><c/></a>', { a: { b: '1', c: '' } }],
    ['<port enabled="true">80</port>', { port: { '@enabled': 'true', $: '80' } }], ["<p enabled = 'false' />", { p: { '@enabled': 'false' } }],
    ['<?xml version="1.0" encoding="UTF-8"?>\n<!-- x --><a>\n <b>y</b>\n</a>\n<!-- y -->', { a: { b: 'y' } }], ['\ufeff<a/>', { a: '' }],
    ['<a>&lt;&amp;&gt;&quot;&apos;&#65;&#x1F600;</a>', { a: '<&>"\'A\u{1f600}' }], ['<a x="&lt;"/>', { a: { '@x': '<' } }], ['<a><![CDATA[<b>&amp;]]></a>', { a: '<b>&amp;' }],
    ['<a>x<!-- y -->z</a>', { a: 'xz' }], ['<주문>값</주문>', { 주문: '값' }]
  ] as const) t.strictSame(readXml(text), value, text)
  const own = readXml('<a><__proto__>x</__proto__></a>')
  t.strictSame(Object.keys(own['a'] as object), ['__proto__'])
  t.equal(({} as any).x, undefined)
})

t.test('what could expand, include or never end is refused', async (t) => {
  const lol = `<!DOCTYPE lolz [<!ENTITY lol "lol">${Array.from({ length: 9 }, (_, index) => `<!ENTITY l${index} "${'&lol;'.repeat(10)}">`).join('')}]><lolz>&l9;</lolz>`
  for (const [text, why] of [
    [lol, /no document type/], ['<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', /no document type/], ['<!DOCTYPE a [<!ENTITY x SYSTEM "http://127.0.0.1:1/">]><a>&x;</a>', /no document type/],
    ['<a>&x;</a>', /entity that is not known/], ['<a>&constructor;</a>', /entity that is not known/], ['<a>&</a>', /lone "&"/], ['<a>&#0;</a>', /character that is none/], ['<a>&#xD800;</a>', /character that is none/],
    ['<a>&#x110000;</a>', /character that is none/], ['<a><b/><b/></a>', /"b" twice/], ['<a x="1" x="2"/>', /"@x" twice/], ['<a>', /no end of <a>/], ['<a></b>', /another end/],
    ['<a', /bad tag|have a name/], ['', /element here/], ['x', /element here/], ['<a/><b/>', /behind its last element/], ['<a>x<b/></a>', /text and elements/], ['<a x=1/>', /without quotes/],
    ['<a x/>', /without "="/], ['<a x="<"/>', /"<" in an attribute/], ['<!-- x', /no -->/], ['<?xml', /no \?>/], ['<a><![CDATA[x</a>', /no \]\]>/], ['<a><?php x?></a>', /have a name/],
    ['<1/>', /have a name/], ['<a>'.repeat(9) + '</a>'.repeat(9), /deeper than 8/], [`<a>${Array.from({ length: 1_001 }, (_, index) => `<b${index}/>`).join('')}</a>`, /more than 1000 elements/],
    [`<a ${Array.from({ length: 9 }, (_, index) => `b${index}=""`).join(' ')}/>`, /more than 8 attributes/], ['<a>'.repeat(100_000), /deeper than 8/]
  ] as const) t.throws(() => readXml(text), { code: 'REG_BODY_SYNTAX', message: why }, text.slice(0, 40))
})

t.test('what is written is read again', async () => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => {
    const read = readXml(`<a x="${xmlEscaped(text)}">${xmlEscaped(text)}</a>`)['a'] as Record<string, string>
    const shown = text.replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
    return read['@x'] === shown && (read['$'] ?? '') === shown.trim()
  }))
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom('<', '>', '/', '!', '&', ';', '"', 'a', ' ', '=', '-', '[', ']', '?') }), (text) => {
    try {
      readXml(text)
      return true
    } catch (error) {
      return (error as { code?: string }).code === 'REG_BODY_SYNTAX'
    }
  }), { numRuns: 2_000 })
})
