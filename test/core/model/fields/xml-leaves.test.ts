import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readXmlLeaves } from '../../../../src/core/model/fields/xml-leaves.ts'

type Leaf = [key: string, value: string]

/** The leaves of a text; undefined when it is no document of plain data. */
function xmlLeaves(text: string, most?: number): Leaf[] | undefined {
  const leaves: Leaf[] = []
  return readXmlLeaves(text, (key, value) => void leaves.push([key, value]), most) ? leaves : undefined
}

const documents: { name: string; text: string; expected: Leaf[] }[] = [
  { name: 'one element', text: '<a>b</a>', expected: [['a', 'b']] },
  { name: 'an empty element', text: '<a/>', expected: [['a', '']] },
  { name: 'an empty element with a closing tag', text: '<a></a >', expected: [['a', '']] },
  { name: 'blanks alone', text: '<?xml version="1.0"?>\n<a>\r\n\t</a>\n', expected: [['a', '']] },
  {
    name: 'attributes, in both kinds of quotes',
    text: `<a b="it's" c = 'say "x"'\n d=""/>`,
    expected: [
      ['b', "it's"],
      ['c', 'say "x"'],
      ['d', ''],
      ['a', ''],
    ],
  },
  {
    name: 'text around an element',
    text: '<p> one <b>two</b> three </p>',
    expected: [
      ['p', 'one'],
      ['b', 'two'],
      ['p', 'three'],
    ],
  },
  {
    name: 'an element that begins with another one',
    text: '<java.util.List><int>3</int></java.util.List>',
    expected: [
      ['java.util.List', ''],
      ['int', '3'],
    ],
  },
  {
    name: 'namespaces',
    text: '<s:Envelope xmlns:s="http://schemas.example/soap" xmlns="urn:x"><s:Body s:id="7">y</s:Body></s:Envelope>',
    expected: [
      ['xmlns', 'http://schemas.example/soap'],
      ['xmlns', 'urn:x'],
      ['Envelope', ''],
      ['id', '7'],
      ['Body', 'y'],
    ],
  },
  { name: 'a section of characters', text: '<a><![CDATA[<b>&c ]] > ]]></a>', expected: [['a', '<b>&c ]] > ']] },
  { name: 'entities stay', text: '<a>1 &lt; 2</a>', expected: [['a', '1 &lt; 2']] },
  { name: 'a character that ends like a blank', text: '<a>voil\xc3\xa0</a>', expected: [['a', 'voil\xc3\xa0']] },
]

for (const { name, text, expected } of documents) test(`leaves of ${name}`, () => assert.deepEqual(xmlLeaves(text), expected))

const others: { name: string; text: string }[] = [
  { name: 'nothing', text: '' },
  { name: 'a declaration alone', text: '<?xml version="1.0"?>' },
  { name: 'text', text: 'a=1&b=2' },
  { name: 'text before', text: 'x<a/>' },
  { name: 'text behind', text: '<a/>x' },
  { name: 'two roots', text: '<a/><b/>' },
  { name: 'an element that stays open', text: '<a><b></b>' },
  { name: 'elements across', text: '<a><b></a></b>' },
  { name: 'another prefix at the end', text: '<x:a>1</y:a>' },
  { name: 'a longer name at the end', text: '<a>1</ab>' },
  { name: 'a closing tag too many', text: '<a/></a>' },
  { name: 'a tag that does not end', text: '<a b="1"' },
  { name: 'an attribute without quotes', text: '<a b=1/>' },
  { name: 'an attribute with a sign of markup', text: '<a b="<"/>' },
  { name: 'attributes without a blank between', text: '<a b="1"c="2"/>' },
  { name: 'a section that does not end', text: '<a><![CDATA[x</a>' },
  { name: 'a section outside', text: '<![CDATA[x]]>' },
  { name: 'a comment', text: '<a><!-- x --></a>' },
  { name: 'a document type', text: '<!DOCTYPE a><a/>' },
  { name: 'an entity', text: '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>' },
  { name: 'an instruction', text: '<a><?php system("id") ?></a>' },
  { name: 'an instruction in front', text: '<?xml version="1.0"?><?xml-stylesheet href="x"?><a/>' },
  { name: 'a script', text: '<a><Script>alert(1)</Script></a>' },
  { name: 'what a browser runs when it loads', text: '<a onload="alert(1)"/>' },
  { name: 'a transformation', text: '<x:t xmlns:x="http://www.w3.org/1999/XSL/Transform"/>' },
  { name: 'too deep', text: '<a>'.repeat(513) + '</a>'.repeat(513) },
]

for (const { name, text } of others) test(`no document of plain data: ${name}`, () => assert.equal(xmlLeaves(text), undefined))

test('behind the first leaves what follows comes as it stands', () => {
  assert.deepEqual(xmlLeaves('<a><b>1</b><c>2</c><!-- x', 2), [
    ['a', ''],
    ['b', '1'],
    ['', '</b><c>2</c><!-- x'],
  ])
  assert.deepEqual(xmlLeaves('<a b="1" c="2"/>', 1), [
    ['b', '1'],
    ['', ' c="2"/>'],
  ])
})

type Tree = { name: string; attributes: [string, string][]; content: (Tree | string)[] }
const name = fc
  .stringMatching(/^[a-z_][a-z0-9_.-]{0,6}$/)
  .filter(found => !/^(?:on[a-z]{3,}|xml.*|script|iframe|embed|svg|img)$/.test(found))
const value = fc.stringMatching(/^[ -~\x80-\xff]{0,10}$/).map(found => found.replace(/[<"]/g, '_'))
const tree: fc.Arbitrary<Tree> = fc.letrec<{ tree: Tree }>(tie => ({
  tree: fc.record({
    name,
    attributes: fc.array(fc.tuple(name, value), { maxLength: 3 }),
    content: fc.array(fc.oneof({ maxDepth: 4 }, value, tie('tree')), { maxLength: 3 }),
  }),
})).tree

function written({ name, attributes, content }: Tree): string {
  const inside = content.map(part => (typeof part === 'string' ? part : written(part))).join('')
  return `<${name}${attributes.map(([key, text]) => ` ${key}="${text}"`).join('')}>${inside}</${name}>`
}

/** What a tree holds besides its names: every attribute and every text, whatever the leaves are called. */
function textsOf({ attributes, content }: Tree): string {
  return attributes.map(([, text]) => text).join('') + content.map(part => (typeof part === 'string' ? part : textsOf(part))).join('')
}

test('the leaves of a document hold all of its names and texts', () => {
  const namesOf = (found: Tree): string[] => [
    found.name,
    ...found.attributes.map(([key]) => key),
    ...found.content.flatMap(part => (typeof part === 'string' ? [] : namesOf(part))),
  ]
  fc.assert(
    fc.property(tree, found => {
      const leaves = xmlLeaves(written(found))
      assert.ok(leaves)
      const squeezed = (text: string) => text.replaceAll(' ', '')
      assert.equal(squeezed(leaves.map(([, text]) => text).join('')), squeezed(textsOf(found)))
      const known = new Set(leaves.map(([key]) => key))
      for (const expected of namesOf(found)) assert.ok(known.has(expected), expected)
    }),
  )
})

test('whatever comes, it is read or refused', () => {
  const piece = fc.constantFrom(
    '<',
    '>',
    '</',
    '/>',
    'a',
    'b',
    ' ',
    '=',
    '"',
    "'",
    '<a>',
    '</a>',
    '<![CDATA[',
    ']]>',
    '<?xml ',
    '?>',
    '&x;',
    '\0',
  )
  fc.assert(fc.property(fc.array(piece, { maxLength: 30 }), pieces => void xmlLeaves(pieces.join(''))))
})
