import { mount } from 'svelte';
import '../look';
import './admin.css';
import Admin from './Admin.svelte';
import { Session } from './session.svelte';

const target = document.getElementById('app');
if (target === null) throw new Error('the page has no #app to mount to');

mount(Admin, { target, props: { session: new Session(new URL('../', document.baseURI)) } });
