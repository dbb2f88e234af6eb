// SPDX-License-Identifier: GPL-2.0
/* Load and unload the module. */
#include <linux/miscdevice.h>
#include <linux/module.h>

#include <linux/qcow.h>

#include "block/ctl.h"
#include "block/device.h"
#include "block/freeze.h"
#include "file/errand.h"
#include "file/record.h"
#include "file/relief.h"
#include "image/image.h"

static int __init qcow_init(void)
{
	int err;

	qcow_sysfs_init();
	err = qcow_relief_init();
	if (err)
		return err;
	err = qcow_errand_init();
	if (err)
		goto exit_relief;
	err = qcow_image_init();
	if (err)
		goto exit_errand;
	err = qcow_freeze_init();
	if (err)
		goto exit_image;
	err = qcow_device_init();
	if (err)
		goto exit_freeze;
	err = qcow_ctl_init();
	if (err)
		goto exit_device;
	qcow_record_init();
	return 0;

exit_device:
	qcow_device_exit();
exit_freeze:
	qcow_freeze_exit();
exit_image:
	qcow_image_exit();
exit_errand:
	qcow_errand_exit();
exit_relief:
	qcow_relief_exit();
	return err;
}

/* Each device holds a reference to the module, so no device exists here. */
static void __exit qcow_exit(void)
{
	qcow_record_exit();
	qcow_ctl_exit();
	qcow_device_exit();
	qcow_freeze_exit();
	qcow_image_exit();
	qcow_errand_exit();
	qcow_relief_exit();
}

module_init(qcow_init);
module_exit(qcow_exit);

MODULE_DESCRIPTION("qcow2 and raw disk images as block devices");
MODULE_AUTHOR("The qcow developers");
MODULE_VERSION(QCOW_VERSION);
MODULE_LICENSE("GPL");
