import { mount } from 'svelte';
import './look';
import App from './app/App.svelte';
import { Session } from './app/session.svelte';
import { connect } from '$lib/ipc';

const target = document.getElementById('app');
if (target === null) throw new Error('the page has no #app to mount to');

mount(App, { target, props: { session: new Session(await connect()) } });
