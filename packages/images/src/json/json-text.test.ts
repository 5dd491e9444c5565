import t from 'tap';
import { parseJson, writeJson } from './json-text.js';

const there: { name: string; text: string; value: unknown; written?: string }[] = [
  { name: 'a small integer', text: '42', value: 42 },
  { name: 'the largest safe integer', text: '9007199254740991', value: 9007199254740991 },
  { name: 'an integer of 64 bits', text: '18446744073709551615', value: 18446744073709551615n },
  { name: 'a negative integer of 64 bits', text: '-9223372036854775808', value: -9223372036854775808n },
  { name: 'a fraction', text: '1.5e3', value: 1500, written: '1500' },
  { name: 'words', text: '[true, false, null]', value: [true, false, null] },
  { name: 'nothing in brackets', text: '[[], {}]', value: [[], {}] },
  { name: 'space', text: ' {\t"a" :\n[ 1 ,2\r]} ', value: { a: [1, 2] }, written: '{"a": [1, 2]}' },
  { name: 'escapes', text: '"\\" \\\\ \\b\\f\\n\\r\\t\\u0001"', value: '" \\ \b\f\n\r\t\u0001' },
  { name: 'an escaped slash', text: '"\\/"', value: '/', written: '"/"' },
  { name: 'not ASCII', text: '"\\u00e9\\u20ac\\ud83d\\ude00\\u007f"', value: 'é€😀\u007f' },
  { name: 'a byte that is not UTF-8', text: '"a\\udcffb"', value: 'a\udcffb' },
  { name: 'names of objects like any other', text: '{"__proto__": 1, "constructor": 2}', value: Object.assign(Object.create(null), JSON.parse('{"__proto__": 1, "constructor": 2}')) },
];

for (const { name, text, value, written } of there) {
  t.test(`there and back: ${name}`, (t) => {
    const parsed = parseJson(text);
    t.same(parsed, value);
    t.equal(writeJson(parsed), written ?? text);
    t.end();
  });
}

t.test('indented, as Python does', (t) => {
  t.equal(writeJson({ a: [1, { b: [] }], c: {} }, 4), '{\n    "a": [\n        1,\n        {\n            "b": []\n        }\n    ],\n    "c": {}\n}');
  t.end();
});

const invalid: { name: string; text: string; message: string }[] = [
  { name: 'nothing', text: ' ', message: 'line 1, column 2: the text ends too early' },
  { name: 'a word', text: '{\n  "a": yes}', message: "line 2, column 8: 'y' begins no value" },
  { name: 'a name without quotes', text: '{a: 1}', message: 'line 1, column 2: expected a name in double quotes' },
  { name: 'a name alone', text: '{"a"}', message: "line 1, column 5: expected ':'" },
  { name: 'an object without end', text: '{"a": 1', message: "line 1, column 8: expected ',' or '}'" },
  { name: 'a list without end', text: '[1 2]', message: "line 1, column 4: expected ',' or ']'" },
  { name: 'a comma too many', text: '[1,]', message: "line 1, column 4: ']' begins no value" },
  { name: 'a string without end', text: '"abc', message: 'line 1, column 5: a string without its end' },
  { name: 'a line break in a string', text: '"a\nb"', message: 'line 1, column 3: a control character in a string' },
  { name: 'an unknown escape', text: '"\\x41"', message: "line 1, column 4: '\\x' is no escape" },
  { name: 'half an escape', text: '"\\u00e"', message: "line 1, column 4: '\\u' is no escape" },
  { name: 'two values', text: '1 2', message: 'line 1, column 3: there is more after the end' },
  { name: 'a leading zero', text: '01', message: 'line 1, column 2: there is more after the end' },
  { name: 'nested without end', text: '['.repeat(100_000), message: 'line 1, column 401: nested more than 400 deep' },
];

for (const { name, text, message } of invalid) {
  t.test(`invalid: ${name}`, (t) => {
    t.throws(() => parseJson(text), { name: 'JsonInvalid', code: 'json-invalid', message });
    t.end();
  });
}
