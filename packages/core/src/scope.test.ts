import t from 'tap';
import { Scope } from './scope.js';

t.test('undoes in reverse order, also when an undo fails', (t) => {
  const done: number[] = [];
  const scope = new Scope();
  scope.defer(() => done.push(1));
  scope.defer(() => {
    done.push(2);
    throw new Error('two');
  });
  scope.use({ [Symbol.dispose]: () => void done.push(3) });
  t.throws(() => scope[Symbol.dispose](), { message: 'two' });
  t.same(done, [3, 2, 1]);
  scope[Symbol.dispose]();
  t.same(done, [3, 2, 1], 'only once');
  t.end();
});

t.test('forgets what is to stay', (t) => {
  let undone = false;
  const scope = new Scope();
  scope.defer(() => (undone = true));
  scope.forget();
  scope[Symbol.dispose]();
  t.equal(undone, false);
  t.end();
});
