import { main } from '../main.js';
import { completionCommand } from '../commands/completion.js';
import { manCommand } from '../commands/man.js';
import type { CommandBundle } from './bundle.js';

main((name) => {
  switch (name) {
    case 'completion':
      return completionCommand;
    case 'man':
      return manCommand;
    default:
      return (__launcher.load(name) as CommandBundle).execute;
  }
});
