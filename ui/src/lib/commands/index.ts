export { Commands, commands, type Bindings, type Found, type Source } from './commands.svelte';
export { keyCaps, keysText, strokeOf, type Keys } from './keys';
export { COMMANDS, GROUPS, textOf, type CommandGroup, type CommandId } from './table';
