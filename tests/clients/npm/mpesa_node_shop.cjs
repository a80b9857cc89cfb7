// A shop that takes M-Pesa with mpesa-node, as that package's README shows it. It reads lines of JSON.
//
// The package's configuration knows two hosts of Safaricom's and no other. The address that it asks is a property of its
// instances, `baseURL`, which any user can set.
'use strict'

const readline = require('node:readline')
const Mpesa = require('mpesa-node')

let mpesaApi

const shop = {
  open ({ url, key, secret, passkey }) {
    mpesaApi = new Mpesa({
      consumerKey: key,
      consumerSecret: secret,
      environment: 'sandbox',
      lipaNaMpesaShortCode: 174379,
      lipaNaMpesaShortPass: passkey
    })
    mpesaApi.baseURL = url
    return {}
  },

  async push ({ phone, amount, callback_url: callbackUrl, description }) {
    const words = [phone, amount, callbackUrl, 'ABC123']
    if (description !== null) words.push(description)
    const { data } = await mpesaApi.lipaNaMpesaOnline(...words)
    return { id: data.CheckoutRequestID, words: data.CustomerMessage }
  },

  async query ({ id }) {
    const { data } = await mpesaApi.lipaNaMpesaQuery(id)
    return { code: data.ResultCode }
  }
}

async function answer (line) {
  const { do: what, ...given } = JSON.parse(line)
  try {
    return { answer: await shop[what](given) }
  } catch (error) {
    if (!error.response) return { raised: error.name, message: error.message }
    const { status, data } = error.response // axios: "the request was made and the server responded"
    return { raised: error.name, message: error.message, status, code: data.errorCode ?? null, words: data.errorMessage ?? null }
  }
}

async function main () {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(await answer(line)) + '\n')
  }
  process.exit() // axios leaves the timer of a broken request behind
}

main()
