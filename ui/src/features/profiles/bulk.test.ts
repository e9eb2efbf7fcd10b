import { expect, test } from 'vitest';
import { bulkEdit, type BulkForm } from './bulk';

const form = (change: Partial<BulkForm>): BulkForm => ({
  what: 'set',
  name: 'city',
  kind: 'text',
  text: 'Bern',
  ...change,
});

test.each([
  [form({ what: 'add_tag', name: ' vip ' }), { op: 'add', pointer: '/tags', value: 'vip' }],
  [form({ what: 'remove_tag', name: 'vip' }), { op: 'remove', pointer: '/tags', value: 'vip' }],
  [form({}), { op: 'set', pointer: '/attributes/city', value: 'Bern' }],
  [form({ kind: 'number', text: '1,5' }), { op: 'set', pointer: '/attributes/city', value: 1.5 }],
  [
    form({ kind: 'boolean', text: 'false' }),
    { op: 'set', pointer: '/attributes/city', value: false },
  ],
  [form({ kind: 'null' }), { op: 'set', pointer: '/attributes/city', value: null }],
  [form({ what: 'unset', name: 'a/b' }), { op: 'unset', pointer: '/attributes/a~1b' }],
  [form({ what: 'notes', text: 'Called.' }), { op: 'set', pointer: '/notes', value: 'Called.' }],
  [form({ what: 'no_notes' }), { op: 'unset', pointer: '/notes' }],
])('%o asks for %o', (filled, edit) => expect(bulkEdit(filled)).toEqual(edit));

test('a number that is none asks for nothing', () => {
  expect(bulkEdit(form({ kind: 'number', text: 'twelve' }))).toBeNull();
});
