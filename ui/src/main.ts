import { mount } from 'svelte';
import '@fontsource-variable/inter/index.css';
import '@fontsource/jetbrains-mono/latin-400.css';
import '@fontsource/jetbrains-mono/latin-ext-400.css';
import '@fontsource/jetbrains-mono/latin-600.css';
import './app/tokens.css';
import './app/base.css';
import App from './app/App.svelte';
import { Session } from './app/session.svelte';
import { connect } from '$lib/ipc';

const target = document.getElementById('app');
if (target === null) throw new Error('the page has no #app to mount to');

mount(App, { target, props: { session: new Session(await connect()) } });
