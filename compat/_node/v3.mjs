// The core scenario's view of the SDK for JavaScript v3. In its Query age (`query`) few operations know the classes of
// their errors; those that do leave code and text one level down, and `message` says "UnknownError".

export function adapter(sdk, client, query = false) {
  return {
    call: (operation, input) => client.send(new sdk[`${operation}Command`](input)),
    isA: (error, name) => error instanceof (query ? sdk.SQSServiceException : sdk[name]),
    code: (error) => error.Error?.Code ?? error.Code,
    message: (error) => error.Error?.Message ?? error.message,
    query,
  };
}
