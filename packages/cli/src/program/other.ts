import { main } from '../main.js';
import { completionCommand } from '../commands/completion.js';
import { manCommand } from '../commands/man.js';
import type { CommandBundle, ImagesBundle } from './bundle.js';

const imageDeclarations = (): ReturnType<ImagesBundle['imageDeclarations']> => (__launcher.load('images') as ImagesBundle).imageDeclarations();

main((name) => {
  switch (name) {
    case 'completion':
      return completionCommand(imageDeclarations);
    case 'man':
      return manCommand(imageDeclarations);
    default:
      return (__launcher.load(name) as CommandBundle).execute;
  }
});
